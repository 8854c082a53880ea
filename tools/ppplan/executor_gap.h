// What a run loses besides the operations themselves.
#pragma once

#include <vector>

#include "planner/schedule/schedule.h"
#include "traces/timeline.h"

namespace ppplan::tools {

/// (makespan - longest path through the schedule with the operations lasting what they were measured to) / makespan:
/// waiting that the order does not ask for. The median over the runs, of which there is one at least.
double executor_gap_fraction(const schedule::Schedule& schedule, const std::vector<traces::Timeline>& measured);

}  // namespace ppplan::tools
