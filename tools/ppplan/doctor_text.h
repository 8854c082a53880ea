// A server's log and what follows from it, for people.
#pragma once

#include <string>

#include "planner/engines/log_diagnosis.h"
#include "planner/spec/calibration.h"
#include "planner/spec/plan.h"

namespace ppplan::tools {

/// Which stages were seen, the cause, what to change, what the log does not tell.
std::string diagnosis_text(const engines::VllmLog& log, const engines::Diagnosis& diagnosis);
/// Per stage: what the log measured beside the estimate.
std::string measured_text(const spec::Plan& estimated, const spec::Calibration& calibration);

}  // namespace ppplan::tools
