// How vLLM lays out the KV cache of a plan's stages, recomputed from the layers that the document states.
//
// Layers that keep the same are one bucket. Several buckets of different kinds get pages of one size and are dealt out
// into groups of the smallest bucket's size (of the largest's when it is below 1.5 times as large), every n-th layer to
// the same group. A block is one page in each slot of the fullest group of a stage.
// Source: vllm/v1/core/kv_cache_utils.py.
#pragma once

#include <cstdint>
#include <vector>

#include "planner/verify/plan_facts.h"

namespace ppplan::verify {

struct KvPool {
  std::vector<std::int64_t> stage_block_bytes;  // [stage]; 0 where a stage keeps nothing
  /// Blocks that a request of `tokens` takes, over all groups.
  std::int64_t request_blocks(std::int64_t tokens) const;
  /// What the check over the whole model asks of the stage with least (0.14 and 0.15, several stages): all layers, the
  /// blocks of the first group alone; 0 in other versions.
  std::int64_t checked_bytes(std::int64_t tokens) const;
  /// As the server's log counts the tokens of that many blocks.
  std::int64_t tokens(std::int64_t blocks, std::int64_t max_model_len) const;

  struct Group {
    std::string attention;
    std::int64_t window = 0, block_tokens = 16;
    std::vector<std::int64_t> layers;
  };
  std::vector<Group> groups;
  std::int64_t tokens_in_flight = 0;
  bool counts_requests = true;
  std::int64_t checked_block_bytes = 0;  // of the whole model where the version checks that
  std::int64_t states = 0;  // blocks that the capture of graphs asks for: of max_num_seqs, of captured sizes, or 0

 private:
  std::int64_t blocks_of(const Group& group, std::int64_t tokens) const;
};

/// Needs PlanFacts::sound().
KvPool kv_pool(const PlanFacts& plan);

}  // namespace ppplan::verify
