// The KV cache of compressed attention (DeepSeek-V4), whose layers keep pages of several sizes for several spans.
//
// Blocks of 256 tokens hold the compressed entries and their indexer keys; a window of a layer's own tokens is kept in
// blocks of 64, and what the compressors still join in blocks of 4 tokens (8 where they join more than 4). Each of
// these spans is a group of its own block table; pages are rounded up to 576 bytes:
//   entries  256 / ratio * entry_bytes           indexer  256 / ratio * (index_dim + 4 per 128 of it)
//   window   64 * entry_bytes                     state    tokens * 2 c d * 4 bytes, and the same of index_dim;
//                                                          c = 2 where 4 tokens are joined, its window c * ratio
// d layers fit a group, d from the number of layers of the commonest page of the first group on, that which leaves
// fewest places empty when each span's layers are rounded up to it (the largest of equals); a span of more layers is
// dealt out to ceil(n / d) groups, every n-th layer to the same one.
// A block on a stage, by version (memory.json, kv_slabs):
//   0  the most layers that a group has there * the sum of all sizes of pages in the first group
//   1  over the sizes of the first group's pages: the most such pages of one group there * the size; pages of other
//      groups count as the next larger size
//   2  the largest sum of one group's own pages there
// Source: vllm/v1/core/kv_cache_utils.py (group_and_unify_kv_cache_specs, _get_kv_cache_groups_uniform_groups), pull
// requests 44454 and 48993; vllm/models/deepseek_v4/attention.py, compressor.py.
#pragma once

#include "planner/engines/kv_groups.h"

namespace ppplan::engines {

/// Some layer has compressed attention; all of them must.
bool keeps_slabs(const std::vector<spec::Layer>& layers);
/// Fills groups, page_bytes and slab. page_bytes of a layer are its pages in the first group, else that of its window.
void fill_slabs(KvLayout& layout, const std::vector<spec::Layer>& layers, const MemoryRules& rules);
/// Of one block on a device that holds layers [first, end).
std::int64_t slab_bytes(const KvLayout& layout, int first, int end);

}  // namespace ppplan::engines
