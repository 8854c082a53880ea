#include <cmath>

#include "kernels/host/variant.h"

namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT {

namespace {

// Keys [first_key, position + 1) are what a token sees.
int first_key(int position, int window) { return window > 0 && position >= window ? position - window + 1 : 0; }

void attend(const Queries& queries, const AttentionShape& shape, const KvCache& cache, int kv_head,
            const AttentionBlock& block, float* scratch, float* out) {
  const int rows = shape.heads / shape.kv_heads * block.tokens();
  const std::size_t first = offset_of(kv_head * cache.capacity + block.low, shape.head_dim);
  const ConstMatrix keys(cache.keys + first, block.keys(), shape.head_dim);
  const ConstMatrix values(cache.values + first, block.keys(), shape.head_dim);
  // The parts of the scratch start on 16-float boundaries; their sizes are those of attention_scratch().
  const auto boundary = [](std::size_t count) { return (count + 15) / 16 * 16; };
  float* packed = scratch;
  float* sums = packed + boundary(offset_of(rows, shape.head_dim));
  float* scores = sums + boundary(static_cast<std::size_t>(rows));
  pack_heads(queries.data, queries.stride, 1.0f / std::sqrt(static_cast<float>(shape.head_dim)), shape, kv_head, block,
             packed);
  Matrix score_matrix(scores, rows, block.keys());
  score_matrix.noalias() = ConstMatrix(packed, rows, shape.head_dim) * keys.transpose();
  exponentiate(queries, shape.window, shape.heads / shape.kv_heads, block, scores, sums);
  Matrix(packed, rows, shape.head_dim).noalias() = score_matrix * values;
  for (int row = 0; row < rows; ++row)
    Vector(packed + offset_of(row, shape.head_dim), shape.head_dim) *= 1.0f / sums[row];
  unpack_heads(packed, 1.0f, shape, kv_head, block, out, shape.heads * shape.head_dim);
}

}  // namespace

AttentionBlock attention_block(const Queries& queries, int window, int begin) {
  const int end = begin + kQueryBlock < queries.tokens ? begin + kQueryBlock : queries.tokens;
  return {begin, end, first_key(queries.past + begin, window), queries.past + end};
}

void pack_heads(const float* x, int stride, float factor, const AttentionShape& shape, int kv_head,
                const AttentionBlock& block, float* packed) {
  const int group = shape.heads / shape.kv_heads;
  for (int member = 0; member < group; ++member) {
    for (int token = block.begin; token < block.end; ++token) {
      const float* from = x + offset_of(token, stride) + offset_of(kv_head * group + member, shape.head_dim);
      Vector(packed, shape.head_dim) = factor * ConstVector(from, shape.head_dim);
      packed += shape.head_dim;
    }
  }
}

void unpack_heads(const float* packed, float factor, const AttentionShape& shape, int kv_head,
                  const AttentionBlock& block, float* x, int stride) {
  const int group = shape.heads / shape.kv_heads;
  for (int member = 0; member < group; ++member) {
    for (int token = block.begin; token < block.end; ++token) {
      float* to = x + offset_of(token, stride) + offset_of(kv_head * group + member, shape.head_dim);
      Vector(to, shape.head_dim) = factor * ConstVector(packed, shape.head_dim);
      packed += shape.head_dim;
    }
  }
}

void exponentiate(const Queries& queries, int window, int group, const AttentionBlock& block, float* scores,
                  float* sums) {
  for (int row = 0; row < group * block.tokens(); ++row) {
    const int position = queries.past + block.begin + row % block.tokens();
    const int begin = first_key(position, window) - block.low;
    const int end = position + 1 - block.low;
    Vector line(scores + offset_of(row, block.keys()), block.keys());
    line.head(begin).setZero();
    line.tail(block.keys() - end).setZero();
    auto seen = line.segment(begin, end - begin);
    const float largest = seen.maxCoeff();
    seen = (seen - largest).exp();
    sums[row] = seen.sum();
  }
}

void attention(const Queries& queries, const AttentionShape& shape, const KvCache& cache, float* scratch, float* out) {
  for (int kv_head = 0; kv_head < shape.kv_heads; ++kv_head) {
    for (int begin = 0; begin < queries.tokens; begin += kQueryBlock) {
      attend(queries, shape, cache, kv_head, attention_block(queries, shape.window, begin), scratch, out);
    }
  }
}

}  // namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT
