// What a layer's weights are, part by part: the one list that parameters, bytes and their division follow from.
#include "planner/spec/model_spec.h"

namespace ppplan::spec {
namespace {

using Parts = std::vector<WeightPart>;

std::int64_t wide(int value) { return value; }

/// Collects the parts of one layer: matrices in their format, vectors in the activations'.
struct Collector {
  const ModelSpec& model;
  Parts parts;

  void matrix(std::string_view name, std::int64_t elements, DType dtype, Division division, bool active = true) {
    if (elements > 0) parts.push_back({name, elements, dtype, division, active});
  }
  void plain(std::string_view name, std::int64_t elements, Division division, bool active = true) {
    matrix(name, elements, model.activation_dtype, division, active);
  }
};

void add_gqa(Collector& out, const Attention& a) {
  const std::int64_t h = out.model.hidden;
  const std::int64_t query = wide(a.heads) * a.head_dim;
  const std::int64_t kv = wide(a.kv_heads) * a.head_dim;
  const DType dtype = out.model.attention_dtype;
  out.matrix("query", h * query * (a.output_gate ? 2 : 1), dtype, Division::even);
  out.matrix("key and value", (a.value_is_key ? 1 : 2) * h * kv, dtype, Division::kv_heads);
  out.matrix("output", query * h, dtype, Division::even);
  if (a.qkv_bias) out.plain("query bias", query, Division::even);
  if (a.qkv_bias) out.plain("key and value bias", 2 * kv, Division::kv_heads);
  if (a.output_bias) out.plain("output bias", h, Division::whole);
  if (a.sinks) out.plain("sinks", a.heads, Division::even);
  if (a.qk_norm && !a.qk_norm_all_heads) out.plain("query and key norms", 2 * wide(a.head_dim), Division::whole);
  if (a.qk_norm && a.qk_norm_all_heads) {
    out.plain("query norm", query, Division::even);
    out.plain("key norm", kv, Division::kv_heads);
  }
  if (a.index_heads == 0) return;
  // A selector has a query for each KV head and one key.
  out.matrix("selecting queries", h * a.index_heads * a.index_dim, dtype, Division::kv_heads);
  out.matrix("selecting key", h * a.index_dim, dtype, Division::whole);
  out.plain("selecting norms", 2 * wide(a.index_dim), Division::whole);
}

void add_indexer(Collector& out, const Attention& a) {
  const std::int64_t h = out.model.hidden;
  const std::int64_t keys = wide(a.index_heads) * a.index_dim;
  out.matrix("indexer", a.q_lora_rank * keys + h * a.index_dim, out.model.attention_dtype, Division::whole);
  out.plain("indexer weights", 2 * wide(a.index_dim) + h * a.index_heads, Division::whole);
}

/// The compressing projections are the same on every rank, the expanding ones are divided by heads.
void add_mla(Collector& out, const Attention& a) {
  const std::int64_t h = out.model.hidden;
  const std::int64_t query = wide(a.heads) * (a.nope_dim + a.rope_dim);
  const DType dtype = out.model.attention_dtype;
  out.matrix("query compression", h * a.q_lora_rank, dtype, Division::whole);
  out.plain("query compression norm", a.q_lora_rank, Division::whole);
  out.matrix("query", (a.q_lora_rank > 0 ? a.q_lora_rank : h) * query, dtype, Division::even);
  out.matrix("key-value compression", h * (wide(a.kv_lora_rank) + a.rope_dim), dtype, Division::whole);
  out.plain("key-value compression norm", a.kv_lora_rank, Division::whole);
  out.matrix("key and value", wide(a.kv_lora_rank) * a.heads * (a.nope_dim + a.value_dim), dtype, Division::even);
  out.matrix("output", wide(a.heads) * a.value_dim * h, dtype, Division::even);
  if (a.output_gate) out.matrix("output gate", wide(a.heads) * a.value_dim * h, dtype, Division::even);
  if (a.index_heads > 0) add_indexer(out, a);
}

/// Kimi delta attention: decay and gate of every channel come through narrow projections, convolutions and decay are
/// kept in 4 bytes.
void add_channel_gated(Collector& out, const Attention& a) {
  const std::int64_t h = out.model.hidden;
  const std::int64_t key = wide(a.key_heads) * a.key_head_dim;
  const std::int64_t value = wide(a.value_heads) * a.value_head_dim;
  const DType dtype = out.model.attention_dtype;
  out.matrix("query, key and value", h * (2 * key + value), dtype, Division::even);
  const bool direct = a.output_gate;  // the gate comes from the hidden state itself
  out.matrix("decay and gate compression", (direct ? 1 : 2) * h * a.gate_rank, dtype, Division::whole);
  out.matrix("decay and gate", a.gate_rank * (key + (direct ? 0 : value)) + (direct ? h * value : 0), dtype,
             Division::even);
  out.matrix("beta", h * a.value_heads, dtype, Division::even);
  out.matrix("convolution", (2 * key + value) * a.conv_kernel, DType::fp32, Division::even);
  out.matrix("decay bias", key + a.value_heads, DType::fp32, Division::even);
  out.plain("output norm", a.value_head_dim, Division::whole);
  out.matrix("output", value * h, dtype, Division::even);
}

void add_linear(Collector& out, const Attention& a) {
  if (a.gate_rank > 0) return add_channel_gated(out, a);
  const std::int64_t h = out.model.hidden;
  const std::int64_t key = wide(a.key_heads) * a.key_head_dim;
  const std::int64_t value = wide(a.value_heads) * a.value_head_dim;
  const DType dtype = out.model.attention_dtype;
  out.matrix("query, key, value and gate", h * 2 * (key + value), dtype, Division::even);
  out.plain("decay and beta", 2 * h * a.value_heads, Division::even);
  out.plain("convolution", (2 * key + value) * a.conv_kernel, Division::even);
  out.plain("decay bias", 2 * wide(a.value_heads), Division::even);
  out.plain("output norm", a.value_head_dim, Division::whole);
  out.matrix("output", value * h, dtype, Division::even);
}

/// What joins compress_ratio tokens to one entry of `width`: 4 tokens overlap with the 4 before.
void add_compressor(Collector& out, const Attention& a, std::int64_t width) {
  const std::int64_t wider = width * (a.compress_ratio == 4 ? 2 : 1);
  out.plain("compressor", 2 * wide(out.model.hidden) * wider, Division::whole);
  out.matrix("compressor positions", a.compress_ratio * wider, DType::fp32, Division::whole);
  out.plain("compressor norm", width, Division::whole);
}

void add_compressed(Collector& out, const Attention& a) {
  const std::int64_t h = out.model.hidden;
  const std::int64_t query = wide(a.heads) * a.head_dim;
  const DType dtype = out.model.attention_dtype;
  out.matrix("query and key compression", h * (wide(a.q_lora_rank) + a.head_dim), dtype, Division::whole);
  out.plain("compression norms", wide(a.q_lora_rank) + a.head_dim, Division::whole);
  out.matrix("query", a.q_lora_rank * query, dtype, Division::even);
  out.matrix("output compression", query * a.output_rank, dtype, Division::even);
  out.matrix("output", wide(a.output_groups) * a.output_rank * h, dtype, Division::even);
  out.matrix("sinks", a.heads, DType::fp32, Division::even);
  if (a.compress_ratio <= 1) return;
  add_compressor(out, a, a.head_dim);
  if (a.index_heads == 0) return;
  out.matrix("indexer", wide(a.q_lora_rank) * a.index_heads * a.index_dim, dtype, Division::whole);
  out.plain("indexer weights", h * a.index_heads, Division::whole);
  add_compressor(out, a, a.index_dim);
}

/// Mixing of the residual streams, before attention and before the feed-forward block.
void add_streams(Collector& out) {
  const std::int64_t s = out.model.residual_streams;
  if (s <= 1) return;
  out.matrix("streams", 2 * ((2 + s) * s * (s * out.model.hidden + 1) + 3), DType::fp32, Division::whole);
}

void add_attention(Collector& out, const Attention& a) {
  switch (a.kind) {
    case AttentionKind::gqa:
    case AttentionKind::sliding_window:
    case AttentionKind::chunked:
      return add_gqa(out, a);
    case AttentionKind::mla:
      return add_mla(out, a);
    case AttentionKind::linear:
      return add_linear(out, a);
    case AttentionKind::compressed:
      return add_compressed(out, a);
    case AttentionKind::none:
      return;
  }
}

void add_feed_forward(Collector& out, const FeedForward& f) {
  const std::int64_t h = out.model.hidden;
  const std::int64_t blocks = block_matrices(f), in = expert_hidden(out.model, f);
  if (f.kind == FeedForwardKind::none) return;
  if (f.kind == FeedForwardKind::dense)
    return out.matrix("dense", blocks * h * f.intermediate, out.model.dtype, Division::even);
  out.matrix("experts", blocks * in * f.intermediate * f.experts, out.model.expert_dtype, Division::experts, false);
  if (f.expert_bias) out.plain("expert biases", f.experts * (2 * wide(f.intermediate) + h), Division::experts, false);
  out.matrix("narrowing", 2 * h * f.narrow, out.model.dtype, Division::whole);
  out.matrix("shared expert", blocks * h * f.shared_intermediate, out.model.dtype, Division::even);
  if (f.shared_gate) out.plain("shared expert gate", h, Division::whole);
  out.plain("router", h * f.experts, Division::whole);
  if (f.router_bias) out.plain("router bias", f.experts, Division::whole);
  // Expert numbers of 4 bytes.
  if (f.hashed)
    out.matrix("hash table", wide(out.model.vocabulary) * f.experts_per_token, DType::fp32, Division::whole);
}

std::int64_t sum(const Parts& parts) {
  std::int64_t total = 0;
  for (const WeightPart& part : parts) total += part.elements;
  return total;
}

}  // namespace

std::vector<WeightPart> weight_parts(const ModelSpec& model, const Layer& layer) {
  Collector out{model, {}};
  add_attention(out, layer.attention);
  add_feed_forward(out, layer.feed_forward);
  add_streams(out);
  out.matrix("own embedding", 2 * wide(layer.own_embedding) * model.hidden, model.dtype, Division::whole);
  if (layer.own_embedding > 0) out.plain("own embedding norm", model.hidden, Division::whole);
  out.plain("norms", wide(layer.norms) * model.hidden, Division::whole);
  return std::move(out.parts);
}

std::int64_t attention_parameters(const ModelSpec& model, const Layer& layer) {
  Collector out{model, {}};
  add_attention(out, layer.attention);
  return sum(out.parts);
}

std::int64_t feed_forward_parameters(const ModelSpec& model, const Layer& layer) {
  Collector out{model, {}};
  add_feed_forward(out, layer.feed_forward);
  return sum(out.parts);
}

int block_matrices(const FeedForward& block) { return block.gated ? 3 : 2; }

int expert_hidden(const ModelSpec& model, const FeedForward& block) {
  return block.narrow > 0 ? block.narrow : model.hidden;
}

std::int64_t parameters(const ModelSpec& model, const Layer& layer) { return sum(weight_parts(model, layer)); }

}  // namespace ppplan::spec
