// Real transformer layers on CPU cores: one schedule device per core, seeded weights, real copies between stages.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "exec/run_schedule.h"
#include "planner/spec/model_spec.h"
#include "planner/spec/plan.h"
#include "planner/spec/workload.h"

namespace ppplan::exec {

/// What a micro-batch carries. Its tokens are drawn from `seed` and its index. `continues` is the micro-batch whose KV cache
/// it goes on with (an earlier chunk of the same prompts, or the previous round of a cohort), -1 for new sequences.
struct MicroBatch {
  spec::BatchShape shape;
  int continues = -1;
};

struct HostRun {
  spec::ModelSpec model;
  std::vector<spec::Stage> stages;        // layer ranges and ends; replica 0
  std::vector<MicroBatch> micro_batches;  // by micro-batch index of the schedule
  int receive_buffers = 2;
  std::uint64_t seed = 1;
  std::vector<int> cores;  // [schedule device] -> CPU to pin to; empty = the first allowed CPUs in order
};

/// Logits of the last token of every sequence of a micro-batch that samples, [sequences, vocabulary] row-major.
using Logits = std::vector<float>;

class HostBackend : public Backend {
 public:
  /// Allocates and fills weights and caches. Throws InputError when the stages don't fit the model.
  explicit HostBackend(HostRun run);
  ~HostBackend() override;
  void enter_lane(int device, const schedule::Lane& lane) override;
  void compute(schedule::OpId id, const schedule::Op& op) override;
  void transfer(schedule::OpId send_id, const schedule::Op& send, const schedule::Op& recv, int slot) override;

  /// Clears the caches and outputs for another run of the same schedule; weights stay.
  void reset();
  /// Per micro-batch; empty where it samples nothing or has not run.
  const std::vector<Logits>& outputs() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The same micro-batches through all layers on one device in one thread, in order: what the pipeline must equal bit for bit.
std::vector<Logits> one_device_outputs(const HostRun& run);

/// CPUs this process may use, in order.
std::vector<int> allowed_cores();

}  // namespace ppplan::exec
