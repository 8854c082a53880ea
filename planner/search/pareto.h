// The candidates that no other one beats in throughput, KV tokens and time to first token at once.
#pragma once

#include <vector>

#include "planner/search/candidate.h"

namespace ppplan::search {

/// Reads `ranked` best first and keeps what is not dominated by something kept, where being less than 1 % better counts
/// as not better: so the set stays small and holds the best candidate.
std::vector<Candidate> pareto(const std::vector<Candidate>& ranked);

}  // namespace ppplan::search
