// The partition problem that a plan poses: what its layers cost on its stages' devices, in seconds and in bytes.
//
// Seconds of a layer are summed over the batches of plan.times with a weight each:
//   prefill   1 for a prompt's chunks, 0 for the decode step
//   decode    1 for the decode step
//   request   per request: chunks / sequences of the chunk + output tokens * decode step / sequences of the cohort
// Fixed seconds of a stage: embedding on the first, head on the last, and its outgoing transfer where sends block.
// Bytes of a layer: weights, CUDA graphs where they count, and of KV its page's share of the blocks that a longest
// request needs, in proportion to the tokens: exact where all layers keep the same, a bound from below where groups of
// several kinds are rounded up per stage. Fixed bytes: what else the assessed stage uses of its budget. Capacity: the
// budget. What the search finds is assessed exactly afterwards.
#pragma once

#include <vector>

#include "planner/search/partition.h"
#include "planner/search/question.h"

namespace ppplan::search {

enum class Objective { prefill, decode, request };

/// The memory side; needs a plan whose memory was assessed. layer_s are zeros.
PartitionProblem memory_problem(const spec::Plan& plan);
/// Bytes of `kv_tokens` tokens in every layer, on one device.
std::vector<double> kv_bytes(const spec::Plan& plan, std::int64_t kv_tokens);
/// Adds the time side; needs plan.times. One kind per distinct set of devices.
void set_times(PartitionProblem& problem, const spec::Plan& plan, cost::CostBook& book, Objective objective);
/// The same times as those that limit_s holds for.
void set_limited_times(PartitionProblem& problem, const spec::Plan& plan, cost::CostBook& book, Objective objective);

}  // namespace ppplan::search
