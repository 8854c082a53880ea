#include "planner/engines/kv_groups.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "planner/engines/kv_slabs.h"
#include "planner/input/input_error.h"

namespace ppplan::engines {
namespace {

using spec::AttentionKind;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// What one layer keeps; equal ones form a bucket.
struct Kept {
  AttentionKind kind = AttentionKind::gqa;
  int window = 0;
  int block_tokens = 16;
  std::int64_t page_bytes = 0;
  bool operator==(const Kept&) const = default;
};

struct Bucket {
  Kept kept;
  std::vector<int> layers;
};

bool is_linear(const spec::Layer& layer) { return layer.attention.kind == AttentionKind::linear; }
/// In the KV cache.
bool keeps(const spec::Layer& layer, const MemoryRules& rules) {
  if (is_linear(layer)) return rules.is("kv_states_paged");
  return layer.attention.kind != AttentionKind::none && !layer.attention.shares_kv;
}

struct Keeping {
  int tp = 1;
  int block_tokens = 16;
  bool whole = false;  // windows keep their whole context too
};

/// Of a rank and a token where latent attention is kept as keys and values of every head.
std::int64_t expanded_bytes(const spec::ModelSpec& model, const spec::Attention& a, int tp, int head_elements) {
  const double heads = std::ceil(static_cast<double>(a.heads) / tp);
  return std::llround(2 * heads * head_elements * spec::bytes_per_element(model.kv_dtype));
}

Kept kept_by(const spec::ModelSpec& model, const spec::Layer& layer, const Keeping& how, const MemoryRules& rules) {
  const auto [tp, block_tokens, whole] = how;
  Kept kept;
  const spec::Attention& a = layer.attention;
  kept.block_tokens = block_tokens;
  if (is_linear(layer)) {
    kept.kind = AttentionKind::linear;
    kept.page_bytes = spec::state_bytes_per_sequence(model, layer, tp);
    return kept;
  }
  const int expanded = expanded_head_elements(model, a, rules);
  kept.page_bytes = block_tokens * (expanded > 0 ? expanded_bytes(model, a, tp, expanded)
                                                 : spec::kv_bytes_per_token(model, layer, tp));
  if (whole || (a.kind != AttentionKind::sliding_window && a.kind != AttentionKind::chunked)) return kept;
  kept.kind = a.kind;
  kept.window = a.window;
  return kept;
}

std::vector<spec::Layer> all_layers(const spec::ModelSpec& model, bool with_draft) {
  std::vector<spec::Layer> layers = model.layers;
  if (with_draft) layers.insert(layers.end(), model.draft_layers.begin(), model.draft_layers.end());
  return layers;
}

/// The block that attention needs for its page to hold a linear layer's state; as asked for without linear layers.
int hybrid_block_tokens(const spec::ModelSpec& model, const std::vector<spec::Layer>& layers, int tp, int asked,
                        const MemoryRules& rules) {
  std::int64_t state = 0;
  std::int64_t token = 0;
  bool latent = false;
  for (const spec::Layer& layer : layers) {
    if (!keeps(layer, rules)) continue;
    if (is_linear(layer)) {
      state = std::max(state, spec::state_bytes_per_sequence(model, layer, tp));
      continue;
    }
    const std::int64_t one = spec::kv_bytes_per_token(model, layer, tp);
    token = token == 0 ? one : std::min(token, one);
    latent = latent || layer.attention.kind == AttentionKind::mla;
  }
  if (state == 0 || token == 0) return asked;
  const auto least =
      static_cast<int>(rules.value(latent ? "kv_block_alignment_mla_tokens" : "kv_block_alignment_tokens"));
  const std::int64_t step = std::max(least, asked);
  return static_cast<int>(std::max<std::int64_t>(asked, step * ceil_div(state, step * token)));
}

/// Pages as large as the largest: states are padded, attention takes more tokens a block.
void unify_pages(std::vector<Kept>& kept) {
  std::int64_t largest = 0;
  for (const Kept& it : kept) largest = std::max(largest, it.page_bytes);
  for (Kept& it : kept) {
    if (it.page_bytes == largest || it.page_bytes == 0) continue;
    // Where the larger page is no multiple vLLM pads the smaller one, as far as its kernels can.
    if (it.kind != AttentionKind::linear && largest % it.page_bytes == 0)
      it.block_tokens = static_cast<int>(it.block_tokens * (largest / it.page_bytes));
    it.page_bytes = largest;
  }
}

std::vector<Bucket> buckets_of(const std::vector<Kept>& kept) {
  std::vector<Bucket> buckets;
  for (std::size_t l = 0; l < kept.size(); ++l) {
    if (kept[l].page_bytes == 0) continue;
    auto known = std::find_if(buckets.begin(), buckets.end(), [&](const Bucket& it) { return it.kept == kept[l]; });
    if (known == buckets.end()) known = buckets.insert(buckets.end(), Bucket{kept[l], {}});
    known->layers.push_back(static_cast<int>(l));
  }
  return buckets;
}

bool same_type(const std::vector<Bucket>& buckets) {
  return std::all_of(buckets.begin(), buckets.end(), [&](const Bucket& it) {
    return it.kept.kind != AttentionKind::linear && it.kept.kind == buckets.front().kept.kind &&
           it.kept.window == buckets.front().kept.window;
  });
}

KvGroup group_of(const Kept& kept, std::vector<int> layers) {
  return {kept.kind, kept.window, kept.block_tokens, std::move(layers), {}};
}

std::vector<KvGroup> cut(const std::vector<Bucket>& buckets, double even_groups) {
  std::size_t least = buckets.front().layers.size();
  std::size_t most = least;
  for (const Bucket& it : buckets) {
    least = std::min(least, it.layers.size());
    most = std::max(most, it.layers.size());
  }
  const std::size_t size = static_cast<double>(most) < static_cast<double>(least) * even_groups ? most : least;
  std::vector<KvGroup> groups;
  for (const Bucket& it : buckets) {
    const std::size_t parts = (it.layers.size() + size - 1) / size;
    for (std::size_t part = 0; part < parts; ++part) {
      std::vector<int> layers;
      for (std::size_t i = part; i < it.layers.size(); i += parts) layers.push_back(it.layers[i]);
      groups.push_back(group_of(it.kept, std::move(layers)));
    }
  }
  return groups;
}

void fill_groups(KvLayout& layout, std::vector<Kept>& kept, double even_groups) {
  std::vector<Bucket> buckets = buckets_of(kept);
  if (buckets.empty()) return;
  if (buckets.size() == 1) {
    layout.groups = {group_of(buckets.front().kept, buckets.front().layers)};
  } else if (same_type(buckets)) {
    layout.same_page = false;
    std::vector<int> layers;
    for (std::size_t l = 0; l < kept.size(); ++l)
      if (kept[l].page_bytes > 0) layers.push_back(static_cast<int>(l));
    layout.groups = {group_of(buckets.front().kept, std::move(layers))};
  } else {
    unify_pages(kept);
    layout.groups = cut(buckets_of(kept), even_groups);
  }
}

std::int64_t group_blocks(const KvGroup& group, std::int64_t tokens, std::int64_t in_flight_tokens) {
  const std::int64_t block = group.block_tokens;
  switch (group.kind) {
    case AttentionKind::linear:
      return 1;
    case AttentionKind::sliding_window:
      return ceil_div(std::min(group.window - 1 + in_flight_tokens, tokens), block) + 1;
    case AttentionKind::chunked:
      return ceil_div(std::min(group.window + in_flight_tokens, tokens), block);
    default:
      return ceil_div(tokens, block);
  }
}

}  // namespace

int expanded_head_elements(const spec::ModelSpec& model, const spec::Attention& attention, const MemoryRules& rules) {
  if (attention.kind != AttentionKind::mla) return 0;
  const bool quantized = spec::is_quantized(model.dtype) && model.dtype != spec::DType::fp8;
  if (!rules.is(quantized ? "kv_latent_expanded_quantized" : "kv_latent_expanded")) return 0;
  const auto padded = static_cast<int>(rules.value("kv_latent_head_elements"));
  return padded > 0 ? padded : attention.nope_dim + attention.rope_dim;
}

KvLayout kv_layout(const spec::ModelSpec& model, int tp, int block_tokens, int stages, bool with_draft,
                   const MemoryRules& rules) {
  const bool whole = !rules.is("kv_groups") || (stages > 1 && !rules.is("kv_groups_over_stages"));
  const std::vector<spec::Layer> layers = all_layers(model, with_draft);
  KvLayout layout;
  layout.window_of_every_batch = rules.is("kv_window_of_every_batch");
  layout.capacity_by_requests = rules.is("kv_capacity_by_requests");
  if (keeps_slabs(layers)) {
    fill_slabs(layout, layers, rules);
    return layout;
  }
  const int block = hybrid_block_tokens(model, layers, tp, block_tokens, rules);
  std::vector<Kept> kept;
  for (const spec::Layer& layer : layers)
    kept.push_back(keeps(layer, rules) ? kept_by(model, layer, {tp, block, whole}, rules) : Kept{.page_bytes = 0});
  fill_groups(layout, kept, rules.value("kv_even_groups"));
  for (const Kept& it : kept) layout.page_bytes.push_back(it.page_bytes);
  return layout;
}

std::vector<int> layers_per_group(const KvLayout& layout, int first, int end) {
  std::vector<int> counts;
  for (const KvGroup& group : layout.groups) {
    const auto from = std::lower_bound(group.layers.begin(), group.layers.end(), first);
    counts.push_back(static_cast<int>(std::lower_bound(from, group.layers.end(), end) - from));
  }
  return counts;
}

int group_size(const KvLayout& layout, int first, int end) {
  const std::vector<int> counts = layers_per_group(layout, first, end);
  return counts.empty() ? 0 : *std::max_element(counts.begin(), counts.end());
}

namespace {

std::int64_t common_page(const KvLayout& layout) {
  return layout.groups.empty() ? 0 : layout.page_bytes[static_cast<std::size_t>(layout.groups.front().layers.front())];
}

}  // namespace

std::int64_t block_bytes(const KvLayout& layout, int first, int end) {
  if (layout.slab != Slab::none) return slab_bytes(layout, first, end);
  if (layout.same_page) return common_page(layout) * group_size(layout, first, end);
  std::int64_t sum = 0;
  for (int l = first; l < end; ++l) sum += layout.page_bytes[static_cast<std::size_t>(l)];
  return sum;
}

std::int64_t blocks_in(const KvLayout& layout, int first, int end, std::int64_t bytes) {
  const std::int64_t block = block_bytes(layout, first, end);
  if (block == 0) return most_blocks;
  return std::max<std::int64_t>(0, bytes) / block;
}

namespace {

std::int64_t pending_tokens(const KvLayout& layout, std::int64_t batch_tokens, int in_flight) {
  return batch_tokens * (layout.window_of_every_batch ? in_flight : 1);
}

}  // namespace

std::int64_t request_blocks(const KvLayout& layout, std::int64_t tokens, std::int64_t batch_tokens, int in_flight) {
  const std::int64_t pending = pending_tokens(layout, batch_tokens, in_flight);
  std::int64_t blocks = 0;
  for (const KvGroup& group : layout.groups) blocks += group_blocks(group, tokens, pending);
  return blocks;
}

std::int64_t first_group_blocks(const KvLayout& layout, std::int64_t tokens, std::int64_t batch_tokens, int in_flight) {
  if (layout.groups.empty()) return 0;
  return group_blocks(layout.groups.front(), tokens, pending_tokens(layout, batch_tokens, in_flight));
}

std::int64_t tokens_of(const KvLayout& layout, std::int64_t blocks, std::int64_t max_model_len,
                       std::int64_t batch_tokens, int in_flight) {
  if (layout.groups.empty() || blocks >= most_blocks) return most_blocks;  // nothing here, or on this stage, is kept
  if (layout.capacity_by_requests) {
    // As Python does it, in double.
    const auto request = static_cast<double>(request_blocks(layout, max_model_len, batch_tokens, in_flight));
    return static_cast<std::int64_t>(static_cast<double>(blocks) / request * static_cast<double>(max_model_len));
  }
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (const KvGroup& group : layout.groups)
    if (group.kind != AttentionKind::linear) least = std::min<std::int64_t>(least, group.block_tokens);
  if (least == std::numeric_limits<std::int64_t>::max()) least = max_model_len;
  return blocks / static_cast<std::int64_t>(layout.groups.size()) * least;
}

}  // namespace ppplan::engines
