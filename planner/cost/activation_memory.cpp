#include "planner/cost/activation_memory.h"

#include <algorithm>
#include <cmath>

#include "planner/engines/encoder_budget.h"

namespace ppplan::cost {
namespace {

using spec::AttentionKind;
using spec::FeedForwardKind;

std::int64_t bytes(double value) { return static_cast<std::int64_t>(std::llround(value)); }

double attention_elements(const spec::Plan& plan, const spec::Attention& a) {
  const double tp = plan.parallel.tp;
  switch (a.kind) {
    case AttentionKind::none:
    case AttentionKind::mla:
      return 0;
    case AttentionKind::linear:
      return (4.0 * a.key_heads * a.key_head_dim + 5.0 * a.value_heads * a.value_head_dim) / tp;
    default:
      return (2.0 * a.heads / tp + 2.0 * std::max(1.0, a.kv_heads / tp)) * a.head_dim;
  }
}

double feed_forward_elements(const spec::Plan& plan, const spec::FeedForward& f, double chunk) {
  const double tp = plan.parallel.tp;
  if (f.kind == FeedForwardKind::none) return 0;
  if (f.kind == FeedForwardKind::dense) return 3.0 * f.intermediate / tp;
  const double width = f.intermediate / (plan.engine.expert_parallel ? 1.0 : tp);
  const double tokens = plan.micro_batching.max_num_batched_tokens;
  const double routed = f.experts_per_token * (std::max(2 * width, 1.0 * plan.model.hidden) + width);
  return routed * std::min(1.0, chunk / tokens) + 2.0 * f.experts;
}

double workspace_elements(const spec::Plan& plan, const spec::Attention& a, double limit) {
  if (a.kind != AttentionKind::mla) return 0;
  const double blocks = 1.0 * plan.micro_batching.max_num_seqs * plan.engine.block_size;
  const double tokens = std::max(std::min(std::max(8.0 * plan.max_model_len, 4 * blocks), limit), blocks);
  const double heads = std::ceil(1.0 * a.heads / plan.parallel.tp);
  return tokens * (heads * (2.0 * a.nope_dim + a.value_dim + a.rope_dim) + a.kv_lora_rank + a.rope_dim);
}

double widest_elements(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules) {
  const double tokens = plan.micro_batching.max_num_batched_tokens;
  const double chunk = rules.value("moe_chunk_tokens");
  const double workspace = rules.value("mla_workspace_tokens");
  double widest = 0;
  for (int l = stage.first_layer; l < stage.end_layer; ++l) {
    const spec::Layer& layer = plan.model.layers[static_cast<std::size_t>(l)];
    if (l > stage.first_layer && layer == plan.model.layers[static_cast<std::size_t>(l) - 1]) continue;
    widest = std::max({widest, tokens * attention_elements(plan, layer.attention),
                       tokens * feed_forward_elements(plan, layer.feed_forward, chunk),
                       workspace_elements(plan, layer.attention, workspace)});
  }
  return widest;
}

}  // namespace

ActivationMemory activation_memory(const spec::Plan& plan, const spec::Stage& stage,
                                   const engines::MemoryRules& rules) {
  const double element = spec::bytes_per_element(plan.model.activation_dtype);
  const double tokens = plan.micro_batching.max_num_batched_tokens;
  const double hidden = tokens * plan.model.hidden * element;
  const double buffers = stage.first_layer > 0 ? rules.value("boundary_hidden_copies") * hidden : 0;
  const double copies = rules.value("forward_hidden_copies") + (plan.parallel.tp > 1 ? 1 : 0);
  const double forward = copies * hidden + element * widest_elements(plan, stage, rules);
  ActivationMemory out;
  out.forward_bytes = bytes(forward + buffers);
  double peak = forward;
  if (stage.tower) {
    const engines::EncoderLoad load = engines::encoder_load(plan);
    const double outputs = static_cast<double>(load.tokens) * plan.model.hidden * element;
    peak = std::max(forward + outputs, static_cast<double>(load.patches) * load.bytes_per_patch + outputs);
    out.encoder_bytes = bytes(peak - forward);
  }
  if (stage.end_layer == static_cast<int>(plan.model.layers.size())) {
    const double logits = 1.0 * plan.micro_batching.max_num_seqs * plan.model.vocabulary;
    out.sampler_bytes = bytes(std::max(0.0, hidden + logits * rules.value("sampler_bytes_per_logit") - peak));
  }
  return out;
}

int captured_sizes(int largest) {
  int sizes = 0;
  for (int size = 1; size <= largest; size += size < 4 ? size : size < 8 ? 4 : size < 256 ? 8 : 16) ++sizes;
  return sizes;
}

std::int64_t cuda_graph_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::MemoryRules& rules) {
  if (plan.engine.enforce_eager) return 0;
  const int sequences = std::min(plan.micro_batching.max_num_seqs, 512);
  int graphs = captured_sizes(std::min(2 * sequences, 512));
  if (rules.value("cuda_graph_modes") > 1) graphs += captured_sizes(sequences);
  const double layers = stage.end_layer - stage.first_layer;
  return bytes(rules.value("cuda_graph_base_bytes") + graphs * layers * rules.value("cuda_graph_layer_bytes"));
}

}  // namespace ppplan::cost
