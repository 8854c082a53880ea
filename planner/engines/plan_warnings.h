// What people should know before they launch a plan.
#pragma once

#include <string>
#include <vector>

#include "planner/spec/plan.h"

namespace ppplan::engines {

/// One sentence each, with what to do; none for a plan that needs no word.
std::vector<std::string> launch_warnings(const spec::Plan& plan);

}  // namespace ppplan::engines
