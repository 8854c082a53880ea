#include "planner/cost/kernel_weights.h"

#include <algorithm>
#include <cmath>

#include "planner/engines/expert_kernel.h"
#include "planner/engines/memory_rules.h"

namespace ppplan::cost {
namespace {

using spec::AttentionKind;

std::int64_t bytes(double value) { return static_cast<std::int64_t>(std::llround(value)); }

double rounded_up(double value, double multiple) { return std::ceil(value / multiple) * multiple; }

double latent_bytes(const spec::Plan& plan, const spec::Attention& a) {
  if (a.kind != AttentionKind::mla) return 0;
  const engines::MemoryRules& rules = engines::memory_rules(plan);
  const spec::ModelSpec& model = plan.model;
  const double plain = spec::bytes_per_element(model.activation_dtype);
  const double heads = 1.0 * a.heads / plan.parallel.tp;
  const double query = a.q_lora_rank > 0 ? a.q_lora_rank : model.hidden;
  double sum = 0;
  if (rules.is("mla_absorbed"))
    sum += heads * a.kv_lora_rank * (query + model.hidden) * (model.attention_dtype == spec::DType::fp8 ? 1 : plain) +
           query * heads * a.rope_dim * plain;
  if (spec::is_quantized(model.attention_dtype))
    sum += heads * a.kv_lora_rank * (a.nope_dim + a.value_dim) * rules.value("mla_expanded_bytes");
  return sum;
}

/// Values that are keys have a matrix of their own in the engine, a copy of the keys'.
double value_copy_bytes(const spec::Plan& plan, const spec::Attention& a) {
  if (!a.value_is_key) return 0;
  const double heads = spec::kv_heads_of_rank(a, plan.parallel.tp);
  return plan.model.hidden * heads * a.head_dim * spec::bytes_per_element(plan.model.attention_dtype);
}

/// Experts of a rank and the width of each there.
struct Held {
  double experts = 0, width = 0;
};

Held held(const spec::Plan& plan, const spec::FeedForward& f) {
  if (!plan.engine.expert_parallel) return {1.0 * f.experts, 1.0 * f.intermediate / plan.parallel.tp};
  return {std::ceil(1.0 * f.experts / (plan.parallel.tp * plan.parallel.dp)), 1.0 * f.intermediate};
}

double expert_bytes(const spec::Plan& plan, const spec::FeedForward& f, const spec::Device& device) {
  if (plan.model.expert_dtype != spec::DType::mxfp4 || f.kind != spec::FeedForwardKind::moe) return 0;
  constexpr double elements_a_scale = 32;
  const engines::ExpertKernel kernel = engines::mxfp4_kernel(device, plan.provenance.vllm, plan.engine.moe_backend);
  const Held here = held(plan, f);
  const double columns = spec::expert_hidden(plan.model, f);
  const double hidden = rounded_up(columns, kernel.hidden_multiple);
  const double width = rounded_up(here.width, kernel.width_multiple);
  double one = 3 * (hidden * width - columns * here.width) * spec::bytes_per_element(spec::DType::mxfp4);
  if (kernel.scale_rows_multiple > 0)
    one += (rounded_up(2 * width, kernel.scale_rows_multiple) * hidden +
            rounded_up(hidden, kernel.scale_rows_multiple) * width) /
           elements_a_scale;
  if (f.expert_bias)
    one += (2 * width + hidden) * kernel.bias_bytes -
           (2 * here.width + columns) * spec::bytes_per_element(plan.model.activation_dtype);
  return here.experts * std::max(0.0, one);
}

int rotary_dims(const spec::Attention& a) {
  if (a.kind == AttentionKind::mla) return a.rope_dim;
  if (a.kind == AttentionKind::compressed) return a.rope_dim;
  return a.kind == AttentionKind::linear || a.kind == AttentionKind::none ? 0 : a.head_dim;
}

double table_bytes(const spec::ModelSpec& model, int dims) {
  return 1.0 * model.max_position * dims * spec::bytes_per_element(model.activation_dtype);
}

/// Before 0.5.5 every layer of Gemma 2 made a table of its own.
bool own_tables(const spec::Plan& plan) {
  return plan.model.architecture == "Gemma2ForCausalLM" &&
         !engines::memory_rules(plan).is("gemma2_rotary_tables_shared");
}

}  // namespace

std::int64_t kernel_bytes(const spec::Plan& plan, const spec::Layer& layer, const spec::Device& device) {
  const double table = own_tables(plan) ? table_bytes(plan.model, rotary_dims(layer.attention)) : 0;
  return bytes(latent_bytes(plan, layer.attention) + value_copy_bytes(plan, layer.attention) +
               expert_bytes(plan, layer.feed_forward, device) + table);
}

std::int64_t rotary_table_bytes(const spec::Plan& plan) {
  if (own_tables(plan)) return 0;
  int dims = 0;
  for (const spec::Layer& layer : plan.model.layers) dims = std::max(dims, rotary_dims(layer.attention));
  return bytes(table_bytes(plan.model, dims));
}

}  // namespace ppplan::cost
