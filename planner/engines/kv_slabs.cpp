#include "planner/engines/kv_slabs.h"

#include <algorithm>
#include <limits>
#include <map>

namespace ppplan::engines {
namespace {

using spec::Attention;
using spec::AttentionKind;

constexpr std::int64_t entry_tokens = 256, window_tokens = 64, alignment = 576, state_element = 4;
constexpr int every_layer = std::numeric_limits<int>::max();

std::int64_t aligned(std::int64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

std::int64_t entries(const Attention& a) { return (entry_tokens + a.compress_ratio - 1) / a.compress_ratio; }

int overlap(const Attention& a) { return a.compress_ratio == 4 ? 2 : 1; }
int state_tokens(const Attention& a) { return a.compress_ratio == 4 ? 4 : 8; }

std::int64_t state_page(const Attention& a, std::int64_t width) {
  return aligned(state_tokens(a) * 2 * overlap(a) * width * state_element);
}

bool compresses(const Attention& a) { return a.kind == AttentionKind::compressed && a.compress_ratio > 1; }

/// What all layers keep for one span.
struct Span {
  AttentionKind kind = AttentionKind::sliding_window;
  int window = 0;
  int block_tokens = 0;
  std::vector<std::vector<KvPage>> layers;  // pages of one layer each
};

Span full_span(const std::vector<spec::Layer>& layers) {
  Span out{AttentionKind::gqa, 0, static_cast<int>(entry_tokens), {}};
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const Attention& a = layers[l].attention;
    if (!compresses(a)) continue;
    const int index = static_cast<int>(l);
    out.layers.push_back({{index, aligned(entries(a) * spec::entry_bytes(layers[l]))}});
    const std::int64_t keys = spec::indexer_bytes_per_token(layers[l]);
    if (keys > 0) out.layers.back().push_back({index, aligned(entries(a) * keys)});
  }
  return out;
}

Span window_span(const std::vector<spec::Layer>& layers) {
  Span out{AttentionKind::sliding_window, layers.front().attention.window, static_cast<int>(window_tokens), {}};
  for (std::size_t l = 0; l < layers.size(); ++l)
    out.layers.push_back({{static_cast<int>(l), aligned(window_tokens * spec::entry_bytes(layers[l]))}});
  return out;
}

/// One span for each number of tokens that compressors join.
std::vector<Span> state_spans(const std::vector<spec::Layer>& layers) {
  std::map<int, Span> by_ratio;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const Attention& a = layers[l].attention;
    if (!compresses(a)) continue;
    Span& span = by_ratio[a.compress_ratio];
    span.window = overlap(a) * a.compress_ratio;
    span.block_tokens = state_tokens(a);
    span.layers.push_back({{static_cast<int>(l), state_page(a, a.head_dim)}});
    if (a.index_heads > 0) span.layers.back().push_back({static_cast<int>(l), state_page(a, a.index_dim)});
  }
  std::vector<Span> out;
  for (auto& [ratio, span] : by_ratio) out.push_back(std::move(span));
  return out;
}

std::map<std::int64_t, std::int64_t> pages_by_size(const std::vector<KvPage>& pages, int first, int end) {
  std::map<std::int64_t, std::int64_t> out;
  for (const KvPage& page : pages)
    if (page.layer >= first && page.layer < end) ++out[page.bytes];
  return out;
}

std::int64_t commonest(const std::map<std::int64_t, std::int64_t>& counts) {
  std::int64_t most = 0;
  for (const auto& [bytes, count] : counts) most = std::max(most, count);
  return most;
}

std::vector<KvPage> flat(const Span& span) {
  std::vector<KvPage> out;
  for (const auto& pages : span.layers) out.insert(out.end(), pages.begin(), pages.end());
  return out;
}

std::int64_t commonest(const Span& span) { return commonest(pages_by_size(flat(span), 0, every_layer)); }

/// Layers of a group: rounded up to it, the spans leave fewest places empty.
std::int64_t layers_of_group(const std::vector<std::int64_t>& counts) {
  std::int64_t best = counts.front(), least = -1;
  for (std::int64_t d = counts.front(); d <= *std::max_element(counts.begin(), counts.end()); ++d) {
    std::int64_t empty = 0;
    for (const std::int64_t count : counts) empty += (d - count % d) % d;
    if (least >= 0 && empty > least) continue;
    best = d;
    least = empty;
  }
  return best;
}

void add_group(KvLayout& layout, const Span& span, std::size_t part, std::size_t parts) {
  KvGroup group{span.kind, span.window, span.block_tokens, {}, {}};
  for (std::size_t i = part; i < span.layers.size(); i += parts) {
    group.layers.push_back(span.layers[i].front().layer);
    group.pages.insert(group.pages.end(), span.layers[i].begin(), span.layers[i].end());
  }
  layout.groups.push_back(std::move(group));
}

/// The most pages that a group has of each size of the first group's, smaller ones counted as the next larger.
std::map<std::int64_t, std::int64_t> slots(const KvLayout& layout, int first, int end) {
  std::map<std::int64_t, std::int64_t> out;
  for (const auto& [bytes, count] : pages_by_size(layout.groups.front().pages, 0, every_layer)) out[bytes] = 0;
  for (const KvGroup& group : layout.groups) {
    std::map<std::int64_t, std::int64_t> here;
    for (const auto& [bytes, count] : pages_by_size(group.pages, first, end)) {
      const auto size = out.lower_bound(bytes);
      here[size == out.end() ? bytes : size->first] += count;
    }
    for (const auto& [bytes, count] : here) out[bytes] = std::max(out[bytes], count);
  }
  return out;
}

std::int64_t tuples(const KvLayout& layout, int first, int end) {
  std::int64_t most = 0, all = 0;
  for (const KvGroup& group : layout.groups) most = std::max(most, commonest(pages_by_size(group.pages, first, end)));
  for (const auto& [bytes, count] : pages_by_size(layout.groups.front().pages, first, end)) all += bytes;
  // A stage of windows alone has none of the first group's pages.
  return all > 0 ? most * all : most * layout.groups[1].pages.front().bytes;
}

}  // namespace

bool keeps_slabs(const std::vector<spec::Layer>& layers) {
  return std::any_of(layers.begin(), layers.end(),
                     [](const spec::Layer& layer) { return layer.attention.kind == AttentionKind::compressed; });
}

void fill_slabs(KvLayout& layout, const std::vector<spec::Layer>& layers, const MemoryRules& rules) {
  std::vector<Span> spans{full_span(layers), window_span(layers)};
  for (Span& span : state_spans(layers)) spans.push_back(std::move(span));
  if (spans.front().layers.empty()) spans.erase(spans.begin());
  std::vector<std::int64_t> counts;
  for (const Span& span : spans) counts.push_back(commonest(span));
  const std::int64_t size = layers_of_group(counts);
  for (std::size_t s = 0; s < spans.size(); ++s) {
    const auto layers_here = static_cast<std::int64_t>(spans[s].layers.size());
    const bool whole = spans[s].kind == AttentionKind::gqa;
    const auto parts = static_cast<std::size_t>(whole ? 1 : (layers_here + size - 1) / size);
    for (std::size_t part = 0; part < parts; ++part) add_group(layout, spans[s], part, parts);
  }
  layout.slab = static_cast<Slab>(1 + std::clamp(static_cast<int>(rules.value("kv_slabs")), 0, 2));
  layout.same_page = false;
  layout.page_bytes.assign(layers.size(), 0);
  for (const KvPage& page : layout.groups.front().pages)
    layout.page_bytes[static_cast<std::size_t>(page.layer)] += page.bytes;
  for (std::size_t l = 0; l < layers.size(); ++l)
    if (layout.page_bytes[l] == 0) layout.page_bytes[l] = aligned(window_tokens * spec::entry_bytes(layers[l]));
}

std::int64_t slab_bytes(const KvLayout& layout, int first, int end) {
  if (layout.slab == Slab::tuples) return tuples(layout, first, end);
  std::int64_t out = 0;
  if (layout.slab == Slab::sizes) {
    for (const auto& [bytes, count] : slots(layout, first, end)) out += bytes * count;
    return out;
  }
  for (const KvGroup& group : layout.groups) {
    std::int64_t sum = 0;
    for (const KvPage& page : group.pages) sum += page.layer >= first && page.layer < end ? page.bytes : 0;
    out = std::max(out, sum);
  }
  return out;
}

}  // namespace ppplan::engines
