// The partitions between two times that pull apart: of the prompts and of the decode steps, or of a stage and of all
// stages together. Layers that differ are slow in different batches (experts in decode, which reads them all, and not
// in prefill), so that a sum of two slowest stages has its optimum at neither, and not at the slowest sum either.
//
//   first    the time that `optimum` minimises, of the problem's layer_s
//   second   the slowest stage under limited_s
//   front    the least first of all, then again and again the least first among partitions whose second is smaller than
//            the last one's by front_step at least: whatever partition is asked for, one of the front has no more of
//            the first and at most front_step more of the second
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "planner/search/partition.h"

namespace ppplan::search {

inline constexpr double front_step = 1e-3;  // a tenth of what counts as no difference (rank.h)

using Optimum = std::function<std::optional<Partition>(const PartitionProblem&)>;

/// `problem` needs limited_s; its limit_s bounds the second time from the start. Empty when no partition fits.
std::vector<std::vector<int>> time_front(PartitionProblem problem, const Optimum& optimum);

}  // namespace ppplan::search
