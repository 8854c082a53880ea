// What the micro-batches of a schedule carry, for the two schedules of planner/schedule/pipeline.h.
#pragma once

#include <vector>

#include "planner/spec/workload.h"

namespace ppplan::exec {

/// What a micro-batch carries. Its tokens are drawn from a seed and its index. `continues` is the micro-batch whose KV
/// cache it goes on with (an earlier chunk of the same prompts, or the previous round of a cohort), -1 for new
/// sequences: then the cache holds past_tokens tokens that are drawn from the seed.
struct MicroBatch {
  spec::BatchShape shape;
  int continues = -1;
  bool operator==(const MicroBatch&) const = default;
};

/// `count` micro-batches of a forward stream: the chunks of one prompt in order, again and again.
std::vector<MicroBatch> prefill_micro_batches(const std::vector<spec::BatchShape>& chunks, int count);
/// Micro-batch k is round k / cohorts of cohort k % cohorts; each round looks back on one token more than `first`.
std::vector<MicroBatch> decode_micro_batches(const spec::BatchShape& first, int cohorts, int rounds);

/// The first micro-batch of the chain that each belongs to. Throws InputError unless each continues an earlier one that
/// no other continues, with the same sequences and exactly its tokens in the past.
std::vector<int> chain_roots(const std::vector<MicroBatch>& micro_batches);

}  // namespace ppplan::exec
