// --phase and --micro-batches, as simulate, explain and run take them.
#pragma once

#include <optional>
#include <string>

#include "planner/cost/assess.h"

namespace ppplan::tools {

/// Throws InputError unless "prefill" or "decode".
cost::Phase parse_phase(const std::string& text);
std::string name(cost::Phase phase);
/// The asked count, or the phase's default. Throws InputError below 1 and above 100,000.
int count_of(const spec::Plan& plan, cost::Phase phase, const std::optional<int>& asked);

}  // namespace ppplan::tools
