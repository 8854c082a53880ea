// The HTML report of a simulated phase, with a measured run where there is one.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tools/ppplan/simulated.h"
#include "traces/timeline.h"

namespace ppplan::tools {

/// `facts` are names and values to show below the title.
std::string page_of(const SimulatedPhase& predicted, const traces::Timeline* measured, std::string title,
                    std::vector<std::pair<std::string, std::string>> facts);

}  // namespace ppplan::tools
