// Training steps of a pipeline on the host: a schedule executed on every replica, gradients summed over copies and
// replicas, an AdamW step on every stage.
//
// A step's loss is the mean over all rows of all micro-batches of all replicas. Floating-point sums depend on their
// order, so the order is fixed and one device can follow it:
//   1. a stage adds the weight gradients of its micro-batches in the order in which the schedule computes them;
//   2. arrays of one name (training_stage.h) are summed pipe by pipe, and along a pipe (a tied embedding before the
//      tied head);
//   3. replicas are summed in the order of ranks (exec/group.h).
// With it a pipeline's gradients and weights equal those of one device bit for bit (one_device_training.h). Losses are
// summed by micro-batch, then by replica, in double precision.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "exec/training_backend.h"
#include "planner/schedule/schedule.h"
#include "traces/timeline.h"

namespace ppplan::exec {

/// Values of each trained array by its name.
using NamedArrays = std::map<std::string, std::vector<float>>;

struct TrainingStep {
  double loss = 0;
  NamedArrays gradients;                    // summed over everything
  std::vector<traces::Timeline> timelines;  // [replica], of the schedule; the sums and the update come after it
  bool operator==(const TrainingStep&) const = default;
};

class Training {
 public:
  /// Replicas run at the same time, each with its own threads; run.replicas of them. Throws InputError as
  /// TrainingBackend does.
  Training(TrainingRun run, schedule::Schedule schedule, const kernels::host::AdamW& optimizer);

  /// Rethrows what stopped a replica; the training can't go on then.
  TrainingStep step();
  /// Of the first copy on the first replica.
  NamedArrays weights();
  /// Whether every copy on every replica holds the same weights.
  bool copies_agree();

  TrainingBackend& replica(int index) { return *backends_.at(static_cast<std::size_t>(index)); }

 private:
  TrainingRun run_;
  schedule::Schedule schedule_;
  kernels::host::AdamW optimizer_;
  std::vector<std::unique_ptr<TrainingBackend>> backends_;  // [replica]
  int steps_ = 0;
};

/// Gradients of arrays of one name become their sum, in the order of the list; every array gets it.
void sum_copies(const std::vector<Parameter*>& parameters);
NamedArrays named_weights(const std::vector<Parameter*>& parameters);
NamedArrays named_gradients(const std::vector<Parameter*>& parameters);

}  // namespace ppplan::exec
