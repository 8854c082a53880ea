// The partition whose stages take the least time together: one token's way through the pipeline. It differs from every
// other one only where devices differ: the fast ones take what their memory holds.
#pragma once

#include <optional>

#include "planner/search/partition.h"

namespace ppplan::search {

/// Minimises the sum over stages in place of the maximum, by dynamic programming over ends: O(stages * layers^2).
/// bottleneck_s of the result is its slowest stage.
std::optional<Partition> least_pass_partition(const PartitionProblem& problem);

}  // namespace ppplan::search
