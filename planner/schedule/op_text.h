// How an op is named in sentences.
#pragma once

#include <string>

#include "planner/schedule/schedule.h"

namespace ppplan::schedule {

/// "op 12 (forward of micro-batch 3, stage 1, on 'stage 1')".
std::string op_text(const Schedule& schedule, OpId id);

}  // namespace ppplan::schedule
