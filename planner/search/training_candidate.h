// One plan of training, built from its parts and assessed: partition, times of its schedule, memory of every rank.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/cost/cost_book.h"
#include "planner/schedule/training_costs.h"
#include "planner/schedule/training_order.h"
#include "planner/spec/training_plan.h"

namespace ppplan::search {

/// Parallelism and settings without a partition: ranks with their devices.
spec::TrainingPlan training_draft(const spec::TrainingPlan& question, const spec::Parallel& parallel,
                                  const spec::TrainingSettings& settings, const schedule::TrainingOrder& order);

/// The partition over the positions of a pipe whose slowest position is fastest, within the memory that state and
/// `alive` micro-batches per position take (empty: none). Nothing when no partition holds even that.
std::optional<std::vector<int>> training_partition(const spec::TrainingPlan& draft,
                                                   const schedule::TrainingOrder& order, cost::CostBook& book,
                                                   const std::vector<double>& alive);

/// Fills everything else for plan.partition. `bound_s`, when given: nothing is filled but predicted.lower_bound_s and
/// false returned where that already exceeds it.
bool assess_training(spec::TrainingPlan& plan, const schedule::TrainingOrder& order, cost::CostBook& book,
                     std::optional<double> bound_s = std::nullopt);

/// What an order of plan.partition is searched with: costs of the stages, and bytes that each rank has for activations.
/// `layout` needs no actions. Fills stages and the state's memory.
struct TrainingLimits {
  schedule::TrainingCosts costs;
  std::vector<double> activation_bytes;  // [rank], at least 0
};
TrainingLimits training_limits(spec::TrainingPlan& plan, const schedule::TrainingOrder& layout, cost::CostBook& book);

/// Micro-batches alive at once by position of a pipe, of an assessed plan.
std::vector<double> alive_by_position(const spec::TrainingPlan& plan, const schedule::TrainingOrder& order);

}  // namespace ppplan::search
