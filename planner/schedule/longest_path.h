// When each op starts and ends if no link is shared: the longest path through the schedule, computed by interpreting
// its lanes. Independent of the simulator, which must agree with it to 1e-9 on clusters without shared links.
#pragma once

#include <span>
#include <vector>

#include "planner/schedule/schedule.h"
#include "traces/timeline.h"

namespace ppplan::schedule {

/// `duration_s[id]` of every op; both ops of a transfer carry the duration of the transfer. Throws InputError when the
/// schedule can't complete.
traces::Timeline longest_path(const Schedule& schedule, std::span<const double> duration_s);

/// `seconds` of every op: durations where no bytes cross links.
std::vector<double> own_seconds(const Schedule& schedule);

}  // namespace ppplan::schedule
