// A training schedule read back as the order it was made of, and in which order gradients add up.
#pragma once

#include <vector>

#include "planner/schedule/schedule.h"
#include "planner/schedule/training_order.h"

namespace ppplan::exec {

/// Ranks are the schedule's devices; pipes follow from whose output each forward waits for, in the order of their first
/// stages. Throws InputError for a schedule that trains nothing, has operations other than forwards, gradients and
/// their transfers, replicas, or stages that don't form pipes, and for every fault of
/// planner/schedule/training_order.h.
schedule::TrainingOrder training_order(const schedule::Schedule& schedule);

/// Micro-batches of each stage in the order of their weight gradients: [stage].
std::vector<std::vector<int>> accumulation_order(const schedule::TrainingOrder& order);

}  // namespace ppplan::exec
