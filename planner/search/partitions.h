// Which partitions of one pipeline with one micro-batching setting are worth assessing.
//
//   always     vLLM's default split; the optimum for a whole request (prefill and decode in the workload's proportion)
//   thorough   the optima for prefill and for decode alone and, where the goal counts both, those between
//              (time_front.h); where devices differ, the least pass times; the partition with most KV tokens; the same
//              under a demand for KV tokens in between, which trade speed for capacity
// A pinned partition is the only one.
#pragma once

#include <vector>

#include "planner/search/question.h"

namespace ppplan::search {

/// vLLM's default split, or the pinned one.
std::vector<int> first_partition(const Question& question, int stages);
/// One that fits one request of max_model_len, by memory alone; empty when none does. `plan` has its memory assessed.
std::vector<int> fitting_partition(const Question& question, const spec::Plan& plan);
/// The least short one when none fits.
std::vector<int> least_short_partition(const Question& question, const spec::Plan& plan);
/// Without repeats, in the order above. `plan` has memory and times assessed and fits.
std::vector<std::vector<int>> partitions(const Question& question, const spec::Plan& plan, bool thorough);
/// Those with one layer moved over one boundary, legal ones only.
std::vector<std::vector<int>> one_layer_moves(const std::vector<int>& partition, int first_boundary, int end_boundary);

}  // namespace ppplan::search
