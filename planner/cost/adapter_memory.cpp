#include "planner/cost/adapter_memory.h"

#include <algorithm>
#include <cmath>

#include "planner/engines/memory_rules.h"

namespace ppplan::cost {
namespace {

using spec::AttentionKind;
using spec::FeedForwardKind;

/// Elements of one rank of one adapter: on every rank, and over all ranks together.
struct Elements {
  double whole = 0, divided = 0;
};

Elements of_latent(const spec::Attention& a, double hidden) {
  const double heads = a.heads;
  const double query_in = a.q_lora_rank > 0 ? hidden + 2.0 * a.q_lora_rank : hidden;
  return {query_in + hidden + 2.0 * a.kv_lora_rank + a.rope_dim + hidden,
          heads * (a.nope_dim + a.rope_dim) + heads * (a.nope_dim + a.value_dim) + heads * a.value_dim};
}

Elements of_attention(const spec::Plan& plan, const spec::Attention& a) {
  const double hidden = plan.model.hidden;
  switch (a.kind) {
    case AttentionKind::none:
    case AttentionKind::compressed:  // its model file takes no adapters
      return {};
    case AttentionKind::mla:
      return of_latent(a, hidden);
    case AttentionKind::linear:
      return {3 * hidden, 2.0 * a.key_heads * a.key_head_dim + 3.0 * a.value_heads * a.value_head_dim};
    default:
      break;
  }
  // Ranks beyond the heads of keys hold copies of them.
  const double keys = static_cast<double>(std::max(a.kv_heads, plan.parallel.tp)) * a.head_dim;
  const double queries = 1.0 * a.heads * a.head_dim;
  return {4 * hidden, (a.output_gate ? 3 : 2) * queries + 2 * keys};
}

double of_experts(const spec::Plan& plan, const spec::FeedForward& f) {
  if (!engines::memory_rules(plan).is("lora_experts")) return 0;
  const double tp = plan.parallel.tp;
  const double blocks = spec::block_matrices(f), in = spec::expert_hidden(plan.model, f);
  if (!plan.engine.expert_parallel) return f.experts * blocks * (in + f.intermediate / tp);
  return std::ceil(f.experts / (tp * plan.parallel.dp)) * blocks * (in + f.intermediate);
}

Elements of_feed_forward(const spec::Plan& plan, const spec::FeedForward& f) {
  const int dense = f.kind == FeedForwardKind::dense ? f.intermediate : f.shared_intermediate;
  if (f.kind == FeedForwardKind::none || dense == 0) return {};
  const double blocks = spec::block_matrices(f);
  return {blocks * plan.model.hidden, blocks * dense};
}

}  // namespace

std::int64_t adapter_bytes(const spec::Plan& plan, const spec::Layer& layer) {
  const spec::AdapterSettings& adapters = plan.engine.adapters;
  if (adapters.count == 0) return 0;
  const double tp = plan.parallel.tp;
  const Elements attention = of_attention(plan, layer.attention), block = of_feed_forward(plan, layer.feed_forward);
  const double whole = attention.whole + block.whole;
  double elements = (adapters.fully_sharded ? whole / tp : whole) + (attention.divided + block.divided) / tp;
  if (layer.feed_forward.kind == FeedForwardKind::moe) elements += of_experts(plan, layer.feed_forward);
  return std::llround(1.0 * adapters.count * adapters.rank * elements *
                      spec::bytes_per_element(plan.model.activation_dtype));
}

}  // namespace ppplan::cost
