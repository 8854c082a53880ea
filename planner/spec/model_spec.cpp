#include "planner/spec/model_spec.h"

#include <algorithm>
#include <cmath>

namespace ppplan::spec {
namespace {

std::int64_t wide(int value) { return value; }

std::int64_t query_width(const Layer& layer) { return wide(layer.attention.heads) * layer.attention.head_dim; }
std::int64_t kv_width(const Layer& layer) { return wide(layer.attention.kv_heads) * layer.attention.head_dim; }

std::int64_t attention_matrices(const ModelSpec& model, const Layer& layer) {
  return 2 * model.hidden * (query_width(layer) + kv_width(layer));
}

std::int64_t attention_vectors(const Layer& layer) {
  const std::int64_t biases = layer.attention.qkv_bias ? query_width(layer) + 2 * kv_width(layer) : 0;
  return biases + (layer.attention.qk_norm ? 2 * wide(layer.attention.head_dim) : 0);
}

/// The gate of a shared expert is one more row of the router.
std::int64_t router(const ModelSpec& model, const FeedForward& block) {
  return wide(model.hidden) * (block.experts + (block.shared_intermediate > 0 ? 1 : 0));
}

std::int64_t gated_block(const ModelSpec& model, int intermediate) { return 3 * wide(model.hidden) * intermediate; }

std::int64_t active_feed_forward(const ModelSpec& model, const FeedForward& block) {
  if (block.kind == FeedForwardKind::dense) return gated_block(model, block.intermediate);
  return gated_block(model, block.intermediate) * block.experts_per_token +
         gated_block(model, block.shared_intermediate) + router(model, block);
}

/// Quantized checkpoints keep vectors, embedding and head in half precision.
std::int64_t unquantized_bytes(const ModelSpec& model) { return model.dtype == DType::fp32 ? 4 : 2; }

}  // namespace

std::int64_t attention_parameters(const ModelSpec& model, const Layer& layer) {
  return attention_matrices(model, layer) + attention_vectors(layer);
}

std::int64_t feed_forward_parameters(const ModelSpec& model, const Layer& layer) {
  const FeedForward& block = layer.feed_forward;
  if (block.kind == FeedForwardKind::dense) return gated_block(model, block.intermediate);
  return gated_block(model, block.intermediate) * block.experts + gated_block(model, block.shared_intermediate) +
         router(model, block);
}

std::int64_t parameters(const ModelSpec& model, const Layer& layer) {
  return attention_parameters(model, layer) + feed_forward_parameters(model, layer) + 2 * wide(model.hidden);
}

std::int64_t embedding_parameters(const ModelSpec& model) { return wide(model.vocabulary) * model.hidden; }

std::int64_t head_parameters(const ModelSpec& model) { return wide(model.vocabulary) * model.hidden; }

std::int64_t parameters(const ModelSpec& model) {
  std::int64_t total = embedding_parameters(model) + model.hidden;
  if (!model.tied_embedding) total += head_parameters(model);
  for (const Layer& layer : model.layers) total += parameters(model, layer);
  return total;
}

std::int64_t weight_bytes(const ModelSpec& model, const Layer& layer) {
  const std::int64_t vectors = attention_vectors(layer) + 2 * wide(model.hidden);
  const auto matrices = static_cast<double>(parameters(model, layer) - vectors);
  return std::llround(std::ceil(matrices * bytes_per_element(model.dtype))) + vectors * unquantized_bytes(model);
}

std::int64_t embedding_bytes(const ModelSpec& model) { return embedding_parameters(model) * unquantized_bytes(model); }

std::int64_t head_bytes(const ModelSpec& model) { return head_parameters(model) * unquantized_bytes(model); }

std::int64_t kv_bytes_per_token(const ModelSpec& model, const Layer& layer) {
  return std::llround(2.0 * static_cast<double>(kv_width(layer)) * bytes_per_element(model.kv_dtype));
}

double flops_per_token(const ModelSpec& model, const Layer& layer, double context) {
  const bool clipped = layer.attention.kind == AttentionKind::sliding_window;
  const double seen = clipped ? std::min(context, static_cast<double>(layer.attention.window)) : context;
  const auto matrices =
      static_cast<double>(attention_matrices(model, layer) + active_feed_forward(model, layer.feed_forward));
  return 2 * matrices + 4 * static_cast<double>(query_width(layer)) * seen;
}

double head_flops_per_token(const ModelSpec& model) { return 2 * static_cast<double>(head_parameters(model)); }

std::int64_t boundary_bytes_per_token(const ModelSpec& model) {
  return 2 * wide(model.hidden) * unquantized_bytes(model);
}

}  // namespace ppplan::spec
