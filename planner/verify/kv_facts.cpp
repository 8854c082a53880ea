#include "planner/verify/kv_facts.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "planner/verify/kv_pages.h"

namespace ppplan::verify {
namespace {

std::int64_t up(std::int64_t a, std::int64_t b) { return a / b + (a % b != 0); }

/// What a layer keeps: kind, window, tokens a block, bytes a page.
using Kept = std::tuple<std::string, std::int64_t, std::int64_t, std::int64_t>;

/// Before vLLM cached the latent it cached keys and values of all heads.
std::int64_t expanded_bytes(const PlanFacts& plan, const LayerFacts& layer) {
  const double padded = memory_constant("kv_latent_head_elements", plan);
  const double heads = std::ceil(layer.expanded_heads / static_cast<double>(plan.tp));
  return std::llround(2 * heads * (padded > 0 ? padded : layer.expanded_elements) * layer.kv_element_bytes);
}

std::int64_t token_bytes(const PlanFacts& plan, const LayerFacts& layer) {
  const char* rule = plan.model.narrow ? "kv_latent_expanded_quantized" : "kv_latent_expanded";
  if (layer.attention == "mla" && memory_constant(rule, plan) != 0) return expanded_bytes(plan, layer);
  return std::llround(rank_kv_bytes_per_token(layer, plan.tp));
}

std::vector<LayerFacts> cached_layers(const PlanFacts& plan) {
  std::vector<LayerFacts> out = plan.model.layers;
  if (plan.draft) out.insert(out.end(), plan.model.draft_layers.begin(), plan.model.draft_layers.end());
  return out;
}

/// Beside layers with a state, attention's block must be large enough for its page to hold one.
std::int64_t block_tokens(const PlanFacts& plan, const std::vector<LayerFacts>& layers) {
  if (memory_constant("kv_states_paged", plan) == 0) return plan.block_tokens;
  std::int64_t state = 0, least = 0;
  const char* step_name = "kv_block_alignment_tokens";
  for (const LayerFacts& layer : layers) {
    if (layer.attention == "none" || layer.shares_kv) continue;
    if (layer.attention == "linear") {
      state = std::max<std::int64_t>(state, std::llround(rank_state_bytes(layer, plan.tp)));
      continue;
    }
    if (layer.attention == "mla") step_name = "kv_block_alignment_mla_tokens";
    const std::int64_t bytes = token_bytes(plan, layer);
    if (least == 0 || bytes < least) least = bytes;
  }
  if (state == 0 || least == 0) return plan.block_tokens;
  const auto step = std::max(plan.block_tokens, static_cast<std::int64_t>(memory_constant(step_name, plan)));
  return std::max(plan.block_tokens, up(state, least * step) * step);
}

std::vector<Kept> kept_by(const PlanFacts& plan) {
  const bool paged = memory_constant("kv_states_paged", plan) != 0;
  const bool grouped = memory_constant(plan.pp > 1 ? "kv_groups_over_stages" : "kv_groups", plan) != 0;
  const std::vector<LayerFacts> layers = cached_layers(plan);
  const std::int64_t block = block_tokens(plan, layers);
  std::vector<Kept> out;
  for (const LayerFacts& layer : layers) {
    const bool local = layer.attention == "sliding_window" || layer.attention == "chunked";
    if (layer.attention == "none" || layer.shares_kv || (layer.attention == "linear" && !paged))
      out.emplace_back("none", 0, block, 0);
    else if (layer.attention == "linear")
      out.emplace_back("linear", 0, block, std::llround(rank_state_bytes(layer, plan.tp)));
    else if (local && grouped)
      out.emplace_back(layer.attention, layer.window, block, block * token_bytes(plan, layer));
    else
      out.emplace_back("full", 0, block, block * token_bytes(plan, layer));
  }
  return out;
}

using Buckets = std::vector<std::pair<Kept, std::vector<std::int64_t>>>;

Buckets buckets_of(const std::vector<Kept>& kept) {
  Buckets out;
  for (std::size_t l = 0; l < kept.size(); ++l) {
    if (std::get<3>(kept[l]) == 0) continue;
    auto at = std::find_if(out.begin(), out.end(), [&](const auto& bucket) { return bucket.first == kept[l]; });
    if (at == out.end()) at = out.insert(out.end(), {kept[l], {}});
    at->second.push_back(static_cast<std::int64_t>(l));
  }
  return out;
}

bool one_type(const Buckets& buckets) {
  for (const auto& [kept, layers] : buckets)
    if (std::get<0>(kept) == "linear" || std::get<0>(kept) != std::get<0>(buckets.front().first) ||
        std::get<1>(kept) != std::get<1>(buckets.front().first))
      return false;
  return true;
}

void unify(std::vector<Kept>& kept) {
  std::int64_t most = 0;
  for (const Kept& it : kept) most = std::max(most, std::get<3>(it));
  for (auto& [kind, window, tokens, page] : kept) {
    if (page == 0) continue;
    if (kind != "linear" && most % page == 0) tokens *= most / page;
    page = most;
  }
}

void deal(KvPool& pool, const Buckets& buckets, double even) {
  auto sizes = std::minmax_element(buckets.begin(), buckets.end(),
                                   [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  const auto least = static_cast<std::int64_t>(sizes.first->second.size());
  const auto most = static_cast<std::int64_t>(sizes.second->second.size());
  const std::int64_t size = static_cast<double>(most) < even * static_cast<double>(least) ? most : least;
  for (const auto& [kept, layers] : buckets) {
    const std::int64_t parts = up(static_cast<std::int64_t>(layers.size()), size);
    const std::size_t first = pool.groups.size();
    pool.groups.resize(first + static_cast<std::size_t>(parts),
                       {std::get<0>(kept), std::get<1>(kept), std::get<2>(kept), {}});
    for (std::size_t i = 0; i < layers.size(); ++i)
      pool.groups[first + i % static_cast<std::size_t>(parts)].layers.push_back(layers[i]);
  }
}

/// Of the layers [first, end) and, on the last stage, the drafter's.
std::int64_t most_slots(const KvPool& pool, std::int64_t first, std::int64_t end) {
  std::int64_t most = 0;
  for (const KvPool::Group& group : pool.groups)
    most = std::max<std::int64_t>(most, std::count_if(group.layers.begin(), group.layers.end(),
                                                      [&](std::int64_t l) { return first <= l && l < end; }));
  return most;
}

/// Of layers [first, end).
std::int64_t block_bytes(const KvPool& pool, const std::vector<Kept>& kept, bool summed, std::int64_t first,
                         std::int64_t end) {
  std::int64_t sum = 0, page = 0;
  for (std::int64_t l = first; l < end; ++l) {
    sum += std::get<3>(kept[static_cast<std::size_t>(l)]);
    page = std::max(page, std::get<3>(kept[static_cast<std::size_t>(l)]));
  }
  return summed ? sum : page * most_slots(pool, first, end);
}

/// The largest size of a captured decode step: of those that are told, or of the release's own steps.
std::int64_t largest_decode(const PlanFacts& plan) {
  const auto most = static_cast<double>(plan.max_num_seqs);
  double out = 0;
  for (const double size : plan.graph_sizes)
    if (size <= most) out = size;
  if (!plan.graph_sizes.empty()) return static_cast<std::int64_t>(out);
  const double wide = memory_constant("cuda_graph_eights_below", plan);
  const double limit = std::min(most, memory_constant("cuda_graph_tokens", plan));
  for (double size = 1; size <= limit; size += size < 4 ? size : size < 8 ? 4 : size < wide ? 8 : 16) out = size;
  return static_cast<std::int64_t>(out);
}

}  // namespace

KvPool kv_pool(const PlanFacts& plan) {
  KvPool pool;
  const bool all_batches = memory_constant("kv_window_of_every_batch", plan) != 0;
  pool.tokens_in_flight = plan.max_num_batched_tokens * (all_batches ? plan.in_flight : 1);
  pool.counts_requests = memory_constant("kv_capacity_by_requests", plan) != 0;
  if (const auto layers = cached_layers(plan); has_pages(layers)) {
    fill_pages(pool, plan, layers);
    return pool;
  }
  std::vector<Kept> kept = kept_by(plan);
  Buckets buckets = buckets_of(kept);
  const bool summed = buckets.size() > 1 && one_type(buckets);
  if (summed) {
    pool.groups.push_back(
        {std::get<0>(buckets[0].first), std::get<1>(buckets[0].first), std::get<2>(buckets[0].first), {}});
  } else if (!buckets.empty()) {
    if (buckets.size() > 1) unify(kept);
    deal(pool, buckets_of(kept), buckets.size() > 1 ? memory_constant("kv_even_groups", plan) : 1);
  }
  const auto all = static_cast<std::int64_t>(kept.size());
  for (const StageFacts& stage : plan.stages) {
    const bool last = stage.end_layer == static_cast<std::int64_t>(plan.model.layers.size());
    pool.stage_block_bytes.push_back(block_bytes(pool, kept, summed, stage.first_layer, last ? all : stage.end_layer));
  }
  if (plan.pp > 1 && memory_constant("kv_check_whole_model", plan) != 0)
    pool.checked_block_bytes = block_bytes(pool, kept, summed, 0, all);
  const bool stateful =
      std::any_of(pool.groups.begin(), pool.groups.end(), [](const auto& it) { return it.attention == "linear"; });
  const double checked = memory_constant("kv_states_checked", plan);
  if (!stateful || !plan.captures_graphs() || plan.graph_mode == "PIECEWISE" || plan.draft || checked == 0) return pool;
  pool.states = checked == 1 ? plan.max_num_seqs : largest_decode(plan);
  return pool;
}

std::int64_t KvPool::blocks_of(const Group& group, std::int64_t tokens) const {
  const std::int64_t reach = group.window + tokens_in_flight;
  if (group.attention == "linear") return 1;
  if (group.attention == "sliding_window") return up(std::min(reach - 1, tokens), group.block_tokens) + 1;
  return up(group.attention == "chunked" ? std::min(reach, tokens) : tokens, group.block_tokens);
}

std::int64_t KvPool::request_blocks(std::int64_t tokens) const {
  std::int64_t blocks = 0;
  for (const Group& group : groups) blocks += blocks_of(group, tokens);
  return blocks;
}

std::int64_t KvPool::checked_bytes(std::int64_t tokens) const {
  return checked_block_bytes == 0 ? 0 : checked_block_bytes * blocks_of(groups.front(), tokens);
}

std::int64_t KvPool::tokens(std::int64_t blocks, std::int64_t max_model_len) const {
  if (counts_requests)
    return static_cast<std::int64_t>(static_cast<double>(blocks) / static_cast<double>(request_blocks(max_model_len)) *
                                     static_cast<double>(max_model_len));
  std::int64_t block = 0;
  for (const Group& group : groups)
    if (group.attention != "linear" && (block == 0 || group.block_tokens < block)) block = group.block_tokens;
  return blocks / static_cast<std::int64_t>(groups.size()) * (block > 0 ? block : max_model_len);
}

}  // namespace ppplan::verify
