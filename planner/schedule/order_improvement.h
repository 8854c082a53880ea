// Local search on a training order: one action of a critical path moves before or behind others of its rank. A move
// is kept when the step is not longer than it was some moves ago (late acceptance, Burke and Bykov 2017), so that the
// search crosses plateaus; the best order seen is the result. Deterministic for a seed; the clock can only end it.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "planner/schedule/searched_order.h"
#include "planner/schedule/training_costs.h"
#include "planner/schedule/training_order.h"

namespace ppplan::schedule {

struct ImprovementLimits {
  std::int64_t moves = 10000;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  double bound_s = 0;  // of the objective; reached, nothing is left to do
  std::uint64_t seed = 1;
};

struct Improvement {
  TrainingOrder order;
  std::int64_t moves = 0;  // tried
  bool cut_short = false;  // by the clock
};

/// `order` must be sound, able to complete and within `memory_limit` [rank] (empty = none). An order with overlapped
/// pairs comes back as it is.
Improvement improved(TrainingOrder order, const TrainingCosts& costs, const std::vector<double>& memory_limit,
                     Objective objective, const ImprovementLimits& limits);

}  // namespace ppplan::schedule
