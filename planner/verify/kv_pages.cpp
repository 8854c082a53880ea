#include "planner/verify/kv_pages.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace ppplan::verify {
namespace {

using Sizes = std::vector<std::int64_t>;

std::int64_t page(double bytes) { return 576 * static_cast<std::int64_t>(std::ceil(bytes / 576)); }

/// Of one layer and one span; none where it keeps nothing there.
using Pages = std::vector<std::pair<std::int64_t, Sizes>>;  // layer, sizes

struct Span {
  KvPool::Group group;
  Pages pages;
};

Span entries(const std::vector<LayerFacts>& layers) {
  Span out{{"full", 0, 256, {}}, {}};
  for (std::size_t l = 0; l < layers.size(); ++l) {
    if (layers[l].joined < 2) continue;
    const double slots = std::ceil(256.0 / static_cast<double>(layers[l].joined));
    Sizes sizes{page(slots * layers[l].entry_bytes)};
    if (layers[l].index_bytes > 0) sizes.push_back(page(slots * layers[l].index_bytes));
    out.pages.emplace_back(static_cast<std::int64_t>(l), sizes);
  }
  return out;
}

Span windows(const std::vector<LayerFacts>& layers) {
  Span out{{"sliding_window", layers.front().window, 64, {}}, {}};
  for (std::size_t l = 0; l < layers.size(); ++l)
    out.pages.emplace_back(static_cast<std::int64_t>(l), Sizes{page(64 * layers[l].entry_bytes)});
  return out;
}

std::map<std::int64_t, Span> states(const std::vector<LayerFacts>& layers) {
  std::map<std::int64_t, Span> out;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const LayerFacts& it = layers[l];
    if (it.joined < 2) continue;
    const bool four = it.joined == 4;
    // Two numbers of 4 bytes for each of the width, twice as many where 4 tokens overlap.
    const double a_width = (four ? 4 : 8) * (four ? 2 : 1) * 2 * 4;
    Span& span = out[it.joined];
    span.group = {"sliding_window", (four ? 2 : 1) * it.joined, four ? 4 : 8, {}};
    Sizes sizes{page(a_width * it.head_width)};
    if (it.index_width > 0) sizes.push_back(page(a_width * it.index_width));
    span.pages.emplace_back(static_cast<std::int64_t>(l), sizes);
  }
  return out;
}

std::map<std::int64_t, std::int64_t> counted(const Pages& pages, std::int64_t first, std::int64_t end) {
  std::map<std::int64_t, std::int64_t> out;
  for (const auto& [layer, sizes] : pages)
    if (layer >= first && layer < end)
      for (const std::int64_t size : sizes) ++out[size];
  return out;
}

std::int64_t most_of_a_size(const Pages& pages, std::int64_t first, std::int64_t end) {
  std::int64_t most = 0;
  for (const auto& [size, count] : counted(pages, first, end)) most = std::max(most, count);
  return most;
}

/// The number that the counts are rounded up to with least waste, the larger of equals.
std::int64_t room(const Sizes& counts) {
  std::pair<std::int64_t, std::int64_t> best{-1, 0};  // waste, number
  for (std::int64_t d = *std::max_element(counts.begin(), counts.end()); d >= counts.front(); --d) {
    std::int64_t waste = 0;
    for (const std::int64_t n : counts) waste += (n + d - 1) / d * d - n;
    if (best.first < 0 || waste < best.first) best = {waste, d};
  }
  return best.second;
}

std::vector<Span> dealt(const std::vector<Span>& spans) {
  Sizes counts;
  for (const Span& span : spans) counts.push_back(most_of_a_size(span.pages, 0, INT64_MAX));
  const std::int64_t size = room(counts);
  std::vector<Span> out;
  for (const Span& span : spans) {
    const auto layers = static_cast<std::int64_t>(span.pages.size());
    const auto parts = static_cast<std::size_t>(span.group.attention == "full" ? 1 : (layers + size - 1) / size);
    const std::size_t begin = out.size();
    out.resize(begin + parts, Span{span.group, {}});
    for (std::size_t i = 0; i < span.pages.size(); ++i) {
      out[begin + i % parts].pages.push_back(span.pages[i]);
      out[begin + i % parts].group.layers.push_back(span.pages[i].first);
    }
  }
  return out;
}

std::int64_t dense(const std::vector<Span>& spans, std::int64_t first, std::int64_t end) {
  std::int64_t most = 0;
  for (const Span& span : spans) {
    std::int64_t sum = 0;
    for (const auto& [size, count] : counted(span.pages, first, end)) sum += size * count;
    most = std::max(most, sum);
  }
  return most;
}

std::int64_t by_size(const std::vector<Span>& spans, std::int64_t first, std::int64_t end) {
  const auto known = counted(spans.front().pages, 0, INT64_MAX);
  std::map<std::int64_t, std::int64_t> most;
  for (const Span& span : spans) {
    std::map<std::int64_t, std::int64_t> mine;
    for (const auto& [size, count] : counted(span.pages, first, end)) {
      const auto next = known.lower_bound(size);
      mine[next == known.end() ? size : next->first] += count;
    }
    for (const auto& [size, count] : mine) most[size] = std::max(most[size], count);
  }
  std::int64_t sum = 0;
  for (const auto& [size, count] : most) sum += size * count;
  return sum;
}

std::int64_t by_tuple(const std::vector<Span>& spans, std::int64_t first, std::int64_t end) {
  std::int64_t layers = 0, tuple = 0;
  for (const Span& span : spans) layers = std::max(layers, most_of_a_size(span.pages, first, end));
  for (const auto& [size, count] : counted(spans.front().pages, first, end)) tuple += size;
  return layers * (tuple > 0 ? tuple : spans[1].pages.front().second.front());
}

}  // namespace

bool has_pages(const std::vector<LayerFacts>& layers) {
  return std::any_of(layers.begin(), layers.end(), [](const LayerFacts& it) { return it.attention == "compressed"; });
}

void fill_pages(KvPool& pool, const PlanFacts& plan, const std::vector<LayerFacts>& layers) {
  std::vector<Span> spans;
  if (Span full = entries(layers); !full.pages.empty()) spans.push_back(std::move(full));
  spans.push_back(windows(layers));
  for (auto& [joined, span] : states(layers)) spans.push_back(std::move(span));
  spans = dealt(spans);
  for (const Span& span : spans) pool.groups.push_back(span.group);
  const auto rule = static_cast<int>(memory_constant("kv_slabs", plan));
  const auto block = [&](std::int64_t first, std::int64_t end) {
    return rule == 0 ? by_tuple(spans, first, end) : rule == 1 ? by_size(spans, first, end) : dense(spans, first, end);
  };
  const auto all = static_cast<std::int64_t>(layers.size());
  for (const StageFacts& stage : plan.stages) {
    const bool last = stage.end_layer == static_cast<std::int64_t>(plan.model.layers.size());
    pool.stage_block_bytes.push_back(block(stage.first_layer, last ? all : stage.end_layer));
  }
  if (plan.pp > 1 && memory_constant("kv_check_whole_model", plan) != 0) pool.checked_block_bytes = block(0, all);
}

}  // namespace ppplan::verify
