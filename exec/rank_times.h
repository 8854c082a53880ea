// When the ops of a schedule ran, as its ranks saw it, put together.
#pragma once

#include <vector>

#include "exec/group.h"
#include "planner/schedule/schedule.h"
#include "traces/timeline.h"

namespace ppplan::exec {

/// What one rank knows of every op, in seconds since the common start; 0 of what it doesn't: a sender knows when its
/// Send started, a receiver when its Recv ended.
struct OpTimes {
  explicit OpTimes(std::size_t ops) : seconds(2 * ops) {}
  double& start(schedule::OpId id) { return seconds[2 * static_cast<std::size_t>(id)]; }
  double& end(schedule::OpId id) { return seconds[2 * static_cast<std::size_t>(id) + 1]; }
  std::vector<double> seconds;  // start and end of each op
};

/// All ranks of the group call it; rank 0 gets the timeline, the others an empty one. Each time is known to one rank. A
/// transfer lasts from its Send's start on the sender's clock, or the end of the edge's transfer before it, to its
/// arrival on the receiver's. Throws GroupError.
traces::Timeline gathered_timeline(const schedule::Schedule& schedule, Group& everyone, OpTimes own);

}  // namespace ppplan::exec
