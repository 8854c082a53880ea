#include "planner/spec/model_spec.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace ppplan::spec {
namespace {

std::int64_t wide(int value) { return value; }

/// What one rank holds of a part, as a fraction of it.
double share(const WeightPart& part, const Layer& layer, const Sharding& sharding) {
  const double tp = sharding.tp;
  switch (part.division) {
    case Division::whole:
      return 1;
    case Division::kv_heads:
      return static_cast<double>(kv_heads_of_rank(layer.attention, sharding.tp)) /
             std::max(1, layer.attention.kv_heads);
    case Division::experts: {
      if (sharding.expert_ranks < 1) return 1 / tp;
      const double experts = std::max(1, layer.feed_forward.experts);
      return std::ceil(experts / sharding.expert_ranks) / experts;
    }
    case Division::even:
      return 1 / tp;
  }
  return 1;
}

std::int64_t bytes(double value) { return static_cast<std::int64_t>(std::ceil(value)); }

double part_bytes(const WeightPart& part) { return static_cast<double>(part.elements) * bytes_per_element(part.dtype); }

std::int64_t rank_bytes(const ModelSpec& model, const Layer& layer, const Sharding& sharding) {
  double total = 0;
  for (const WeightPart& part : weight_parts(model, layer)) total += part_bytes(part) * share(part, layer, sharding);
  return bytes(total);
}

std::int64_t plain_bytes(const ModelSpec& model, std::int64_t elements) {
  return bytes(static_cast<double>(elements) * bytes_per_element(model.activation_dtype));
}

/// Of the context, what a token of this layer looks at.
double seen(const Attention& attention, double context) {
  if (attention.window > 0) context = std::min(context, static_cast<double>(attention.window));
  if (attention.index_topk > 0) context = std::min(context, static_cast<double>(attention.index_topk));
  return context;
}

/// The window, and the entries of the rest or those that the indexer leaves of them.
double compressed_flops(const Attention& a, double context) {
  const double entries = a.compress_ratio > 1 ? context / a.compress_ratio : 0;
  const double chosen = a.index_topk > 0 ? std::min(entries, static_cast<double>(a.index_topk)) : entries;
  const double window = std::min(context, static_cast<double>(a.window));
  return 4.0 * a.heads * a.head_dim * (window + chosen) + 2.0 * a.index_heads * a.index_dim * entries;
}

/// Scores and values of one token over `context` tokens; a linear layer updates and reads its state instead.
double attention_flops(const Attention& a, double context) {
  const double tokens = seen(a, context);
  if (a.kind == AttentionKind::none) return 0;
  if (a.kind == AttentionKind::linear) return 8.0 * a.value_heads * a.key_head_dim * a.value_head_dim;
  if (a.kind == AttentionKind::compressed) return compressed_flops(a, context);
  if (a.kind != AttentionKind::mla)
    return 4.0 * a.heads * a.head_dim * tokens + 2.0 * a.index_heads * a.index_dim * context;
  return 2.0 * a.heads * (2.0 * a.kv_lora_rank + a.rope_dim) * tokens + 2.0 * a.index_heads * a.index_dim * context;
}

}  // namespace

std::string_view name(AttentionKind kind) {
  constexpr std::array<std::string_view, 7> names = {"gqa",    "sliding_window", "chunked", "mla",
                                                     "linear", "compressed",     "none"};
  return names[static_cast<std::size_t>(kind)];
}

std::string_view name(FeedForwardKind kind) {
  constexpr std::array<std::string_view, 3> names = {"dense", "moe", "none"};
  return names[static_cast<std::size_t>(kind)];
}

void set_weight_dtype(ModelSpec& model, DType dtype) {
  model.dtype = model.attention_dtype = model.expert_dtype = dtype;
  model.stated.reset();
  model.head_dtype.reset();
  model.scale_group = {};
  model.attention_may_be_wide = false;
  model.quantization.clear();
}

void set_state_dtype(ModelSpec& model, DType dtype) {
  for (auto* layers : {&model.layers, &model.draft_layers})
    for (Layer& layer : *layers)
      if (layer.attention.kind == AttentionKind::linear)
        layer.attention.state_bytes_per_element = static_cast<int>(bytes_per_element(dtype));
}

bool has_experts(const Layer& layer) { return layer.feed_forward.kind == FeedForwardKind::moe; }

bool has_experts(const ModelSpec& model) {
  return std::any_of(model.layers.begin(), model.layers.end(), [](const Layer& layer) { return has_experts(layer); });
}

bool has_states(const ModelSpec& model) {
  return std::any_of(model.layers.begin(), model.layers.end(),
                     [](const Layer& layer) { return layer.attention.kind == AttentionKind::linear; });
}

std::int64_t layer_table_parameters(const ModelSpec& model) {
  std::int64_t width = 0;
  int one = 0;
  for (const Layer& layer : model.layers) width += layer.own_embedding, one = std::max(one, layer.own_embedding);
  return width * (wide(model.layer_vocabulary) + model.hidden) + one;
}

std::int64_t embedding_parameters(const ModelSpec& model) {
  return wide(model.vocabulary) * model.hidden + layer_table_parameters(model);
}

std::int64_t head_parameters(const ModelSpec& model) { return wide(model.vocabulary) * model.hidden; }

std::int64_t parameters(const ModelSpec& model) {
  std::int64_t total = embedding_parameters(model) + model.hidden + model.tower.parameters;
  if (!model.tied_embedding) total += head_parameters(model);
  for (const Layer& layer : model.layers) total += parameters(model, layer);
  return total;
}

std::int64_t active_parameters(const ModelSpec& model) {
  double total = static_cast<double>(embedding_parameters(model) + model.hidden);
  if (!model.tied_embedding) total += static_cast<double>(head_parameters(model));
  for (const Layer& layer : model.layers)
    for (const WeightPart& part : weight_parts(model, layer)) {
      const FeedForward& block = layer.feed_forward;
      const double touched = part.active ? 1.0 : static_cast<double>(block.experts_per_token) / block.experts;
      total += touched * static_cast<double>(part.elements);
    }
  return std::llround(total);
}

int kv_heads_of_rank(const Attention& attention, int tp) { return std::max(1, attention.kv_heads / tp); }

std::int64_t weight_bytes(const ModelSpec& model, const Layer& layer) { return rank_bytes(model, layer, {}); }

std::int64_t wide_attention_bytes(const ModelSpec& model, const Layer& layer, const Sharding& sharding) {
  if (!model.attention_may_be_wide || !is_quantized(model.attention_dtype)) return 0;
  Layer alone = layer;
  alone.feed_forward = {.kind = FeedForwardKind::none};
  alone.own_embedding = 0;
  const double more = bytes_per_element(model.activation_dtype) - bytes_per_element(model.attention_dtype);
  double total = 0;
  for (const WeightPart& part : weight_parts(model, alone))
    if (part.dtype == model.attention_dtype)
      total += static_cast<double>(part.elements) * more * share(part, layer, sharding);
  return bytes(total);
}

std::int64_t layer_bytes(const ModelSpec& model, std::size_t index, const Sharding& sharding) {
  const Layer& layer = model.layers[index];
  const std::int64_t computed = rank_bytes(model, layer, sharding);
  if (!model.stated || index >= model.stated->layer_bytes.size()) return computed;
  const double whole = static_cast<double>(weight_bytes(model, layer));
  return bytes(static_cast<double>(computed) / whole * static_cast<double>(model.stated->layer_bytes[index]));
}

std::int64_t embedding_bytes(const ModelSpec& model) {
  if (model.stated && model.stated->embedding_bytes > 0) return model.stated->embedding_bytes;
  return plain_bytes(model, embedding_parameters(model));
}

std::int64_t token_table_bytes(const ModelSpec& model) {
  return std::max<std::int64_t>(0, embedding_bytes(model) - plain_bytes(model, layer_table_parameters(model)));
}

std::int64_t head_bytes(const ModelSpec& model) {
  if (model.stated && model.stated->head_bytes > 0) return model.stated->head_bytes;
  const DType format =
      model.tied_embedding ? model.activation_dtype : model.head_dtype.value_or(model.activation_dtype);
  return bytes(static_cast<double>(head_parameters(model)) * bytes_per_element(format));
}

std::int64_t tower_bytes(const ModelSpec& model) {
  if (model.stated && model.stated->tower_bytes > 0) return model.stated->tower_bytes;
  return plain_bytes(model, model.tower.parameters);
}

std::int64_t draft_bytes(const ModelSpec& model, const Sharding& sharding) {
  std::int64_t total = 0;
  // Each draft layer joins hidden state and embedding by a projection [2 hidden, hidden] between three norms.
  for (const Layer& layer : model.draft_layers)
    total += rank_bytes(model, layer, sharding) +
             plain_bytes(model, 2 * wide(model.hidden) * model.hidden + 3 * wide(model.hidden));
  return total;
}

std::int64_t kv_bytes_per_token(const ModelSpec& model, const Layer& layer, int tp) {
  const Attention& a = layer.attention;
  const double element = bytes_per_element(model.kv_dtype);
  if (a.kind == AttentionKind::linear || a.kind == AttentionKind::none || a.shares_kv) return 0;
  if (a.kind == AttentionKind::compressed)
    return (entry_bytes(layer) + indexer_bytes_per_token(layer) + a.compress_ratio - 1) / a.compress_ratio;
  if (a.kind == AttentionKind::mla) {
    const bool packed = a.index_heads > 0 && model.kv_dtype == DType::fp8;
    const double latent = packed ? a.kv_lora_rank + 4 * std::ceil(a.kv_lora_rank / 128.0) + 2.0 * a.rope_dim
                                 : (static_cast<double>(a.kv_lora_rank) + a.rope_dim) * element;
    return std::llround(latent) + indexer_bytes_per_token(layer);
  }
  // A selector's key is kept in 2 bytes whatever the cache's format, the same on every rank.
  return std::llround(2.0 * kv_heads_of_rank(a, tp) * a.head_dim * element) + (a.index_heads > 0 ? 2 * a.index_dim : 0);
}

std::int64_t indexer_bytes_per_token(const Layer& layer) {
  const Attention& a = layer.attention;
  const bool packed = a.kind == AttentionKind::mla || a.kind == AttentionKind::compressed;
  if (!packed || a.index_heads == 0) return 0;
  return wide(a.index_dim) + 4 * ((wide(a.index_dim) + 127) / 128);
}

std::int64_t entry_bytes(const Layer& layer) {
  const Attention& a = layer.attention;
  if (a.kind != AttentionKind::compressed) return 0;
  return wide(a.head_dim) - a.rope_dim + 2 * wide(a.rope_dim) + (a.head_dim - a.rope_dim) / 64 + 1;
}

std::size_t kv_layer(const ModelSpec& model, std::size_t index) {
  const Attention& asked = model.layers[index].attention;
  if (!asked.shares_kv) return index;
  for (std::size_t l = index; l-- > 0;) {
    const Attention& it = model.layers[l].attention;
    if (!it.shares_kv && it.kind == asked.kind && it.window == asked.window) return l;
  }
  return index;
}

std::int64_t kv_bytes_per_token(const ModelSpec& model, const Layer& layer) {
  return kv_bytes_per_token(model, layer, 1);
}

std::int64_t state_bytes_per_sequence(const ModelSpec& model, const Layer& layer, int tp) {
  const Attention& a = layer.attention;
  if (a.kind != AttentionKind::linear) return 0;
  const std::int64_t channels = (2 * wide(a.key_heads) * a.key_head_dim + wide(a.value_heads) * a.value_head_dim) / tp;
  const std::int64_t convolution = channels * std::max(0, a.conv_kernel - 1);
  const std::int64_t recurrence = wide(a.value_heads) / tp * a.value_head_dim * a.key_head_dim;
  return plain_bytes(model, convolution) + recurrence * a.state_bytes_per_element;
}

double flops_per_token(const ModelSpec& model, const Layer& layer, double context) {
  double touched = 0;
  for (const WeightPart& part : weight_parts(model, layer)) {
    if (part.name == "norms" || part.name == "hash table") continue;
    const FeedForward& block = layer.feed_forward;
    touched += static_cast<double>(part.elements) *
               (part.active ? 1.0 : static_cast<double>(block.experts_per_token) / block.experts);
  }
  return 2 * touched + attention_flops(layer.attention, context);
}

double head_flops_per_token(const ModelSpec& model) { return 2 * static_cast<double>(head_parameters(model)); }

std::int64_t boundary_bytes_per_token(const ModelSpec& model) {
  std::int64_t elements = (model.residual_streams > 1 ? model.residual_streams : 2) * wide(model.hidden);
  for (const Layer& layer : model.layers) elements += layer.own_embedding;
  return plain_bytes(model, elements);
}

}  // namespace ppplan::spec
