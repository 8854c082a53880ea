// What no order of a schedule's operations can beat, and why.
#pragma once

#include <vector>

#include "planner/schedule/schedule.h"

namespace ppplan::report {

/// Of a lane: the earliest that its first op can start + the sum of its work + the shortest way from its last op to the
/// end. Otherwise the longest chain of operations that need one another, all of it in `work_s`.
struct Bound {
  bool of_lane = false;
  int device = 0;  // of the lane
  schedule::LaneKind lane = schedule::LaneKind::compute;
  double head_s = 0, work_s = 0, tail_s = 0;
  double seconds() const { return head_s + work_s + tail_s; }
};

/// The largest; of equal ones a lane's, which says more. Throws InputError when durations are not one for each op.
Bound lower_bound(const schedule::Schedule& schedule, const std::vector<double>& duration_s);

}  // namespace ppplan::report
