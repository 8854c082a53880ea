#include <cmath>

#include "kernels/host/variant.h"

namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT::backward {

namespace {

struct Scratch {
  float* queries;         // [rows, head_dim], scaled as in the forward
  float* y_gradient;      // [rows, head_dim]
  float* sums;            // [rows]
  float* probabilities;   // [rows, keys]
  float* score_gradient;  // [rows, keys]
};

// The parts start on 16-float boundaries; their sizes are those of attention_backward_scratch().
Scratch parts(float* memory, int rows, int head_dim, int keys) {
  const auto boundary = [](std::size_t count) { return (count + 15) / 16 * 16; };
  const std::size_t packed = boundary(offset_of(rows, head_dim));
  Scratch out{};
  out.queries = memory;
  out.y_gradient = out.queries + packed;
  out.sums = out.y_gradient + packed;
  out.probabilities = out.sums + boundary(static_cast<std::size_t>(rows));
  out.score_gradient = out.probabilities + boundary(offset_of(rows, keys));
  return out;
}

// With P = softmax(S), S = scaled Q K^T, O = P V: dP = dO V^T, dS = P (dP - rowsum(P dP)).
void score_gradients(const Scratch& scratch, int rows, int keys) {
  for (int row = 0; row < rows; ++row) {
    Vector probability(scratch.probabilities + offset_of(row, keys), keys);
    Vector gradient(scratch.score_gradient + offset_of(row, keys), keys);
    probability *= 1.0f / scratch.sums[row];
    gradient = probability * (gradient - (probability * gradient).sum());
  }
}

void attend(const Queries& queries, const AttentionShape& shape, const KvCache& cache, int kv_head,
            const AttentionBlock& block, const float* y_gradient, float* memory, float* query_gradient,
            const KvCache& cache_gradient) {
  const int group = shape.heads / shape.kv_heads, rows = group * block.tokens(), width = shape.head_dim;
  const float scale = 1.0f / std::sqrt(static_cast<float>(width));
  const Scratch scratch = parts(memory, rows, width, block.keys());
  const std::size_t first = offset_of(kv_head * cache.capacity + block.low, width);
  const ConstMatrix keys(cache.keys + first, block.keys(), width), values(cache.values + first, block.keys(), width);
  Matrix packed(scratch.queries, rows, width), out_gradient(scratch.y_gradient, rows, width);
  Matrix probabilities(scratch.probabilities, rows, block.keys()),
      score_gradient(scratch.score_gradient, rows, block.keys());
  pack_heads(queries.data, queries.stride, scale, shape, kv_head, block, scratch.queries);
  pack_heads(y_gradient, shape.heads * width, 1.0f, shape, kv_head, block, scratch.y_gradient);
  probabilities.noalias() = packed * keys.transpose();
  exponentiate(queries, shape.window, group, block, scratch.probabilities, scratch.sums);
  score_gradient.noalias() = out_gradient * values.transpose();
  score_gradients(scratch, rows, block.keys());
  Matrix(cache_gradient.values + first, block.keys(), width).noalias() += probabilities.transpose() * out_gradient;
  Matrix(cache_gradient.keys + first, block.keys(), width).noalias() += score_gradient.transpose() * packed;
  out_gradient.noalias() = score_gradient * keys;  // the packed gradient of the queries
  unpack_heads(scratch.y_gradient, scale, shape, kv_head, block, query_gradient, queries.stride);
}

}  // namespace

void attention(const Queries& queries, const AttentionShape& shape, const KvCache& cache, const float* y_gradient,
               float* scratch, float* query_gradient, const KvCache& cache_gradient) {
  for (int kv_head = 0; kv_head < shape.kv_heads; ++kv_head) {
    for (int begin = 0; begin < queries.tokens; begin += kQueryBlock) {
      attend(queries, shape, cache, kv_head, attention_block(queries, shape.window, begin), y_gradient, scratch,
             query_gradient, cache_gradient);
    }
  }
}

}  // namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT::backward
