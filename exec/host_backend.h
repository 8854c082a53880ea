// Real transformer layers on CPU cores: one schedule device per core, seeded weights, real copies between stages.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "exec/pipeline_run.h"
#include "exec/rank_run.h"
#include "exec/run_schedule.h"
#include "exec/run_time.h"

namespace ppplan::exec {

struct HostRun : PipelineRun {
  std::vector<int> cores;  // [schedule device] -> CPU to pin to; empty = the allowed CPUs in order, again and again
};

/// A decode step (one new token) of sequences whose previous micro-batch sampled takes the tokens that came back from
/// there; every other micro-batch takes tokens drawn from the seed and its index.
///
/// With `only_stage` it is the backend of one rank, else that of a whole schedule.
class HostBackend : public Backend, public RankBackend {
 public:
  /// Allocates and fills weights and caches. Throws InputError when the stages don't fit the model, micro-batches don't
  /// continue each other (micro_batches.h), or the machine's memory does not hold them.
  explicit HostBackend(HostRun run);
  ~HostBackend() override;
  /// The thread of a compute lane runs on the core of its device, the threads of an edge on the receiver's.
  void enter_lane(int device, const schedule::Lane& lane) override;
  /// Throws InputError for anything but a forward of a stage and micro-batch of the run.
  void compute(schedule::OpId id, const schedule::Op& op) override;
  void transfer(schedule::OpId send_id, const schedule::Op& send, const schedule::Op& recv, int slot) override;
  std::span<const std::byte> outgoing(schedule::OpId send_id, const schedule::Op& send) override;
  void sent(const schedule::Op& send) override;
  std::span<std::byte> incoming(const schedule::Op& recv, int slot) override;
  void received(const schedule::Op& recv, int slot) override;

  /// Clears the caches and outputs for another run of the same schedule; weights stay.
  void reset();
  /// Per micro-batch; empty where it samples nothing or has not run.
  const std::vector<Logits>& outputs() const;
  /// What the compute operations of each stage took since the last reset, all together; nothing for stages held
  /// elsewhere.
  std::vector<RunTime> compute_times() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The same micro-batches through all layers on one device in one thread, in order: what the pipeline must equal bit
/// for bit.
std::vector<Logits> one_device_outputs(const HostRun& run);

/// Bytes of weights and caches that a run allocates over all stages; activations come on top.
std::int64_t host_bytes(const HostRun& run);

}  // namespace ppplan::exec
