// Training schedules on CPU cores: one schedule device per core, real forward and backward passes, outputs and
// gradients copied between stages.
//
// A backward does the input gradient, then the weight gradient; an overlapped pair does its forward, then its backward:
// one core can't do both at once. Each stage adds the weight gradients of its micro-batches in the order in which the
// schedule computes them.
#pragma once

#include <memory>
#include <vector>

#include "exec/run_schedule.h"
#include "exec/training_run.h"
#include "exec/training_stage.h"
#include "planner/schedule/training_order.h"

namespace ppplan::exec {

/// What a stage keeps of one micro-batch.
struct ActivationBytes {
  std::int64_t kept_by_forward = 0;
  std::int64_t freed_by_input_gradient = 0;
  bool operator==(const ActivationBytes&) const = default;
};

class TrainingBackend : public Backend {
 public:
  /// One of run.replicas. Throws InputError for what training_order() and order_stages() refuse.
  TrainingBackend(const TrainingRun& run, const schedule::Schedule& schedule, int replica);
  ~TrainingBackend() override;
  void enter_lane(int device, const schedule::Lane& lane) override;
  /// Throws InputError for an operation of another schedule, or one whose input has not come.
  void compute(schedule::OpId id, const schedule::Op& op) override;
  void transfer(schedule::OpId send_id, const schedule::Op& send, const schedule::Op& recv, int slot) override;

  /// Makes ready for one run of the schedule as step `step` of the training: clears gradients, takes other data.
  void begin_step(int step);
  /// Sums of losses over rows, by micro-batch.
  std::vector<double> losses() const;
  /// Every array that is trained, pipe by pipe and along each pipe.
  std::vector<Parameter*> parameters();
  /// `step` counts from 1.
  void update(const kernels::host::AdamW& optimizer, int step);

  const schedule::TrainingOrder& order() const;
  /// By device: most bytes that micro-batches kept at once since begin_step(); messages under way are not counted.
  std::vector<std::int64_t> peak_activation_bytes() const;
  /// By stage, as measured when a micro-batch last passed.
  std::vector<ActivationBytes> activation_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ppplan::exec
