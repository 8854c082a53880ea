// When each op of a schedule ran, looked up in a timeline.
#pragma once

#include <vector>

#include "planner/schedule/schedule.h"
#include "traces/timeline.h"

namespace ppplan::report {

struct OpTimes {
  std::vector<double> start_s;  // [op]
  std::vector<double> end_s;    // [op]
};

/// Joins on device and key; ops that share both take their spans in the order of their starts. Spans of other
/// operations are left out. Throws InputError, named after the timeline's origin, when an op has no span.
OpTimes op_times(const schedule::Schedule& schedule, const traces::Timeline& timeline);

/// "forward of micro-batch 3 on stage 1", with chunk and replica where they are not 0.
std::string key_text(const traces::OpKey& key);

}  // namespace ppplan::report
