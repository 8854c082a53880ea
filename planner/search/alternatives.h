// What became of every factorization that was not chosen, one sentence each.
#pragma once

#include <vector>

#include "planner/search/explore.h"

namespace ppplan::search {

/// `chosen` is the best plan's candidate with its closed-form figures, which the others are compared with.
std::vector<Alternative> alternatives(const std::vector<Outcome>& outcomes, const Candidate& chosen,
                                      const spec::Workload& workload);

}  // namespace ppplan::search
