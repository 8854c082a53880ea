// vLLM's KV cache groups: which layers share a block table, what a block takes on a stage, how many blocks a request
// needs.
//
// Layers that keep the same thing form a bucket. One bucket: one group. Several of one type with different sizes: one
// group whose block is the sum of its layers' pages. Otherwise pages are made equal and the buckets are cut:
//   size   = smallest bucket, or the largest one when that is below 1.5 times the smallest
//   groups = per bucket ceil(n / size), group i taking every groups-th layer from i on
// The groups are the whole model's; a stage sees those of their layers that it holds:
//   block bytes of a stage = page * max over groups of the group's layers on the stage
//   blocks of a stage      = floor(floor(bytes / page) / that maximum)
//   blocks of a request    = sum over all groups
//     full             ceil(len / block)
//     sliding window   ceil(min(window - 1 + tokens in flight, len) / block) + 1
//     chunked          ceil(min(chunk + tokens in flight, len) / block)
//     linear           1, its state (engine V0 keeps states elsewhere: no page)
// Pages of linear layers: attention's block grows in steps of 16 tokens (128 with latent attention) until its page
// holds the state, whose page is padded to it.
// Layers that share another's keys and values keep nothing. Compressed attention: kv_slabs.h.
// Source: vllm/v1/core/kv_cache_utils.py and vllm/platforms/interface.py at 017e9f4448 (2026-08-17); what earlier
// versions do differently is in planner/catalog/data/memory.json.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "planner/engines/memory_rules.h"
#include "planner/spec/model_spec.h"

namespace ppplan::engines {

/// A page of a layer that keeps several kinds of them.
struct KvPage {
  int layer = 0;
  std::int64_t bytes = 0;
  bool operator==(const KvPage&) const = default;
};

struct KvGroup {
  spec::AttentionKind kind = spec::AttentionKind::gqa;  // gqa for mla too: the whole context
  int window = 0;                                       // of sliding window and chunked
  int block_tokens = 16;
  std::vector<int> layers;    // ascending; draft layers follow the model's
  std::vector<KvPage> pages;  // of compressed attention; the others' are the layout's
  bool operator==(const KvGroup&) const = default;
};

/// How pages of several sizes make a block (kv_slabs.h); none: they are made equal.
enum class Slab { none, tuples, sizes, dense };

struct KvLayout {
  std::vector<KvGroup> groups;           // none: the model keeps nothing
  std::vector<std::int64_t> page_bytes;  // [layer], draft layers behind the model's; 0 = keeps nothing
  bool same_page = true;                 // false: one group, a block is the sum of its layers' pages; or slabs
  Slab slab = Slab::none;
  bool window_of_every_batch = true;  // tokens in flight are those of all batches, not of one
  bool capacity_by_requests = true;   // how the server's log counts tokens
};

/// Elements of a head's key, and of its value, in versions that keep latent attention as ordinary heads; 0 where the
/// latent is kept, and for other kinds of attention.
int expanded_head_elements(const spec::ModelSpec& model, const spec::Attention& attention, const MemoryRules& rules);
/// `stages` decides whether the version groups at all; `with_draft` adds the draft layers. Throws InputError where vLLM
/// could not make pages equal.
KvLayout kv_layout(const spec::ModelSpec& model, int tp, int block_tokens, int stages, bool with_draft,
                   const MemoryRules& rules);

/// Layers [first, end) of each group.
std::vector<int> layers_per_group(const KvLayout& layout, int first, int end);
int group_size(const KvLayout& layout, int first, int end);
/// Of one block on a device that holds layers [first, end); 0 when none of them keeps anything.
std::int64_t block_bytes(const KvLayout& layout, int first, int end);
/// Whole blocks in `bytes`; most_blocks when a block takes nothing.
inline constexpr std::int64_t most_blocks = std::int64_t{1} << 40;
std::int64_t blocks_in(const KvLayout& layout, int first, int end, std::int64_t bytes);
/// Of one request of `tokens`. `batch_tokens` = max_num_batched_tokens.
std::int64_t request_blocks(const KvLayout& layout, std::int64_t tokens, std::int64_t batch_tokens, int in_flight);
/// The same of the first group alone: all that the check over the whole model counts (0.14 and 0.15).
std::int64_t first_group_blocks(const KvLayout& layout, std::int64_t tokens, std::int64_t batch_tokens, int in_flight);
/// What the server's log calls the size of the cache, for a server whose longest request has `max_model_len` tokens.
std::int64_t tokens_of(const KvLayout& layout, std::int64_t blocks, std::int64_t max_model_len,
                       std::int64_t batch_tokens, int in_flight);

}  // namespace ppplan::engines
