// How short a training step can be at best, whatever the order: for one layout of stages over ranks, its costs and its
// memory limits.
//
// Rank r is in use for at least
//   work_r + max(0, gap_r - most_r)     gap_r: from its first forward to its first gradient one micro-batch has to pass
//                                       all later stages; most_r: forwards that its memory can take meanwhile
// and at least sum over its stages of m a_s (l_s + (1 - released) W_s) / limit_r, where a micro-batch holds a_s for at
// least l_s, its way from that forward through all later stages and back.
// The step ends no earlier than head_r (a micro-batch reaches r first) + that + what the last gradient of r still has
// to pass after the weight gradients that r can have kept back.
#pragma once

#include <vector>

#include "planner/schedule/training_costs.h"
#include "planner/schedule/training_order.h"

namespace ppplan::schedule {

struct TrainingBound {
  double makespan_s = 0;
  double span_s = 0;
  bool operator==(const TrainingBound&) const = default;
};

/// `layout` needs no actions. `limit` [rank]; empty = none. Throws InputError as check_costs does.
TrainingBound training_bound(const TrainingOrder& layout, const TrainingCosts& costs, const std::vector<double>& limit);

}  // namespace ppplan::schedule
