#include "planner/cost/training_memory.h"

#include <algorithm>

namespace ppplan::cost {
namespace {

using spec::AttentionKind;
using spec::FeedForwardKind;

double attention_elements(const spec::Attention& a) {
  const double q = a.heads;
  switch (a.kind) {
    case AttentionKind::none:
      return 0;
    case AttentionKind::mla:
      return a.q_lora_rank + a.kv_lora_rank + a.rope_dim + 2 * q * (a.nope_dim + a.rope_dim + a.value_dim) + 2 * q;
    case AttentionKind::compressed:
      return a.q_lora_rank + a.head_dim + 2 * q * a.head_dim + 1.0 * a.output_groups * a.output_rank + 2 * q;
    case AttentionKind::linear: {
      const double keys = 1.0 * a.key_heads * a.key_head_dim, values = 1.0 * a.value_heads * a.value_head_dim;
      return 2 * (2 * keys + values) + 2 * values;
    }
    default:
      return (2 * q + 2.0 * a.kv_heads) * a.head_dim + 2 * q;
  }
}

double block_elements(const spec::ModelSpec& model, const spec::FeedForward& f) {
  if (f.kind == FeedForwardKind::none) return 0;
  if (f.kind == FeedForwardKind::dense) return 1.0 * spec::block_matrices(f) * f.intermediate;
  const double blocks = spec::block_matrices(f);
  return f.experts_per_token * (spec::expert_hidden(model, f) + blocks * f.intermediate) +
         blocks * f.shared_intermediate + 2.0 * f.experts;
}

double element(const spec::ModelSpec& model) { return spec::bytes_per_element(model.activation_dtype); }

}  // namespace

double activation_bytes(const spec::ModelSpec& model, const spec::Layer& layer, int tp, double tokens) {
  const double elements =
      4.0 * model.hidden + attention_elements(layer.attention) + block_elements(model, layer.feed_forward);
  return tokens * elements * element(model) / tp;
}

double kept_input_bytes(const spec::ModelSpec& model, int tp, double tokens) {
  return tokens * model.hidden * element(model) / tp;
}

double kept_bytes(const spec::TrainingPlan& plan, const spec::Layer& layer) {
  return plan.settings.recompute ? kept_input_bytes(plan.model, plan.parallel.tp, plan.micro_batch_tokens())
                                 : activation_bytes(plan.model, layer, plan.parallel.tp, plan.micro_batch_tokens());
}

double loss_bytes(const spec::ModelSpec& model, int tp, double tokens) {
  const double logits = model.vocabulary * (element(model) + 4), inputs = 2 * model.hidden * element(model);
  return tokens * (logits + inputs) / tp;
}

double held_parameters(const spec::ModelSpec& model, const HeldParts& parts, int tp) {
  double sum = 0;
  for (int l = parts.first_layer; l < parts.end_layer; ++l)
    for (const spec::WeightPart& part : spec::weight_parts(model, model.layers[static_cast<std::size_t>(l)])) {
      const bool whole = part.division == spec::Division::whole;
      const double kv_heads = model.layers[static_cast<std::size_t>(l)].attention.kv_heads;
      const bool copied = part.division == spec::Division::kv_heads && kv_heads < tp;
      sum += static_cast<double>(part.elements) / (whole ? 1 : copied ? std::max(1.0, kv_heads) : tp);
    }
  if (parts.embedding) sum += static_cast<double>(spec::embedding_parameters(model)) / tp;
  if (parts.head) sum += model.hidden;  // the final norm
  // A tied head on another rank is a copy whose gradients are summed.
  if (parts.head && !(parts.embedding && model.tied_embedding))
    sum += static_cast<double>(spec::head_parameters(model)) / tp;
  return sum;
}

}  // namespace ppplan::cost
