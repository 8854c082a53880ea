// Partitions by memory alone: the one that holds the most KV tokens, and the one that is least short when nothing fits.
// KV capacity is the minimum over the stages, so a partition that holds K tokens is one whose stages fit K tokens'
// bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "planner/search/partition.h"

namespace ppplan::search {

struct KvPartition {
  std::int64_t kv_tokens = 0;  // a multiple of the block
  std::vector<int> partition;
};

inline constexpr std::int64_t kv_block_tokens = 16;

/// `memory` with the bytes of `kv_tokens` tokens added to every layer; `kv_bytes` are a layer's bytes per token.
PartitionProblem with_kv(const PartitionProblem& memory, const std::vector<double>& kv_bytes, std::int64_t kv_tokens);
/// The most KV tokens that some partition holds on every stage, found by bisection over blocks; nothing when not even
/// `at_least` tokens fit.
std::optional<KvPartition> most_kv(const PartitionProblem& memory, const std::vector<double>& kv_bytes,
                                   std::int64_t at_least);
/// The partition that fits once every capacity grows by the smallest common number of bytes (to 1 MiB). Needs at least
/// as many layers as stages.
std::vector<int> least_short(const PartitionProblem& memory);

}  // namespace ppplan::search
