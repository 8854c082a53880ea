// What a stage's passes take on this machine: the costs that a training run's makespan is predicted from.
#pragma once

#include "exec/training_run.h"
#include "planner/schedule/training_costs.h"
#include "planner/schedule/training_order.h"

namespace ppplan::exec {

/// Medians over `repeats` micro-batches of each stage's forward, input gradient and weight gradient, on the core of its
/// device while every other device of a replica does the same; `send_s` of copying an output, activations in bytes and
/// the part of them that input gradients free (the least of any stage). Costs of an overlapped pair are the sum of its
/// parts. Throws InputError as order_stages() does.
schedule::TrainingCosts measured_training_costs(const TrainingRun& run, const schedule::TrainingOrder& order,
                                                int repeats);

}  // namespace ppplan::exec
