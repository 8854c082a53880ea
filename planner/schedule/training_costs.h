// What a training step costs: seconds of each stage's parts for one micro-batch, and the memory its activations take.
#pragma once

#include <vector>

#include "traces/op_key.h"

namespace ppplan::schedule {

struct StageTraining {
  double forward_s = 0;
  double backward_input_s = 0;
  double backward_weight_s = 0;
  double send_s = 0;      // of its output to the next stage, and of the gradient back, when that is another rank
  double activation = 0;  // kept from the forward on, bytes or any other unit
  bool operator==(const StageTraining&) const = default;
};

struct TrainingCosts {
  std::vector<StageTraining> stages;
  /// Of a stage's activations, the part that the input gradient lets go; the weight gradient lets go the rest.
  double released_by_input_gradient = 0.5;
  /// An overlapped pair lasts (forward + backward_input + backward_weight) of its two stages times this.
  double overlap_factor = 1;
  bool operator==(const TrainingCosts&) const = default;
};

/// Of an op that is no overlapped pair: forward, either gradient, or both at once (backward). Throws InputError for a
/// kind that computes nothing.
double compute_s(const StageTraining& stage, traces::OpKind kind);
/// The same for every stage.
TrainingCosts uniform_costs(int stages, const StageTraining& each);
/// Throws InputError for another number of stages than `stages`, times or activations that are negative or not finite,
/// a released part outside of [0, 1], or an overlap factor that is not above 0.
void check_costs(const TrainingCosts& costs, int stages);

}  // namespace ppplan::schedule
