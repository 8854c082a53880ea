// The block of compressed attention (DeepSeek-V4), recomputed: entries, indexer keys, windows and compressors' states
// in pages of several sizes, each a multiple of 576 bytes.
//
// Entries and keys of 256 tokens are one span, windows in blocks of 64 another, states in blocks of 4 or 8 the others.
// A span of more layers than fit a group is dealt out. A block has room for each group's pages: in the newest versions
// for those of the largest group, before for the most of each size, at first for the most layers with a page of every
// size (memory.json, kv_slabs).
// Source: vllm/v1/core/kv_cache_utils.py.
#pragma once

#include <vector>

#include "planner/verify/kv_facts.h"

namespace ppplan::verify {

bool has_pages(const std::vector<LayerFacts>& layers);
/// Fills the groups and the blocks of the stages.
void fill_pages(KvPool& pool, const PlanFacts& plan, const std::vector<LayerFacts>& layers);

}  // namespace ppplan::verify
