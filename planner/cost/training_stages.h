// What the stages of a training plan cost for one micro-batch, and what the replicas say to each other.
//
//   forward          layers as CostBook knows them for [sequences, tokens], embedding, head and loss over every token
//   backward input   (1 - a) forward + 2.5 a forward, with recomputation one forward of the layers more
//   backward weight  (1 - a) forward
// a is the share of attention's own FLOPs in the layer: its backward has five matrix products where forward has two
// (Dao 2023, FlashAttention-2), the other matrices one product each for their input and their weight. These factors
// are assumed for every kernel; forward times say themselves where they come from.
//
//   send    latency of the message + bytes over the links of the route, which the ranks of the group share
//   sync    gradients reduced and weights gathered over d replicas in rings: (d - 1) / d of each parameter's 4 bytes
//           and 2 bytes (4 + 4 without a sharded optimizer), where all ranks of all pipelines sync at the same time:
//           what the fullest link on a rank's way takes
//   update  the optimizer's state read and written once
#pragma once

#include "planner/cost/cost_book.h"
#include "planner/schedule/training_order.h"
#include "planner/spec/training_plan.h"

namespace ppplan::cost {

/// Seconds of one micro-batch on one rank, forward and backward together: what a partition divides.
struct LayerTraining {
  std::vector<double> layer_s;  // [layer]
  double embedding_s = 0;       // beside the first layer
  double head_s = 0;            // beside the last one
};
/// Needs the devices of plan.ranks[rank].
LayerTraining training_layer_times(const spec::TrainingPlan& plan, std::size_t rank, CostBook& book);

/// Fills stages[] (all but rank and layers, which it needs along with ranks[].devices), provenance and the relative
/// error of their times, which it returns.
double assess_training_stages(spec::TrainingPlan& plan, const schedule::TrainingOrder& order, CostBook& book);
/// Fills ranks[].gradient_sync_s; needs ranks[].devices and memory.
void assess_gradient_sync(spec::TrainingPlan& plan);
/// Seconds of the optimizer's step on the slowest rank.
double update_s(const spec::TrainingPlan& plan);

/// Floating-point operations of a step as a model counts them: forward, and twice that backward.
double step_flops(const spec::ModelSpec& model, const spec::TrainingTask& task);

}  // namespace ppplan::cost
