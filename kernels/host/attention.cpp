#include <cmath>

#include "kernels/host/variant.h"

namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT {

namespace {

// Query tokens [begin, end) of the heads that share one KV head, and the keys [low, high) that any of them sees.
struct Block {
  int begin, end, low, high;
  int tokens() const { return end - begin; }
  int keys() const { return high - low; }
};

// Keys [first_key, position + 1) are what a token sees.
int first_key(int position, int window) { return window > 0 && position >= window ? position - window + 1 : 0; }

std::size_t offset(int row, int stride) { return static_cast<std::size_t>(row) * static_cast<std::size_t>(stride); }

// Rows of the block are ordered [head of the group, token], so that one product serves the whole group.
void pack_queries(const Queries& queries, const AttentionShape& shape, int kv_head, const Block& block, float* packed) {
  const int group = shape.heads / shape.kv_heads;
  const float scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
  for (int member = 0; member < group; ++member) {
    for (int token = block.begin; token < block.end; ++token) {
      const float* from =
          queries.data + offset(token, queries.stride) + offset(kv_head * group + member, shape.head_dim);
      Vector(packed, shape.head_dim) = scale * ConstVector(from, shape.head_dim);
      packed += shape.head_dim;
    }
  }
}

// Turns scores into exp(score - max) where the mask allows and 0 elsewhere; sums[row] is what they add up to.
void exponentiate(const Queries& queries, int window, int group, const Block& block, float* scores, float* sums) {
  for (int row = 0; row < group * block.tokens(); ++row) {
    const int position = queries.past + block.begin + row % block.tokens();
    const int begin = first_key(position, window) - block.low;
    const int end = position + 1 - block.low;
    Vector line(scores + offset(row, block.keys()), block.keys());
    line.head(begin).setZero();
    line.tail(block.keys() - end).setZero();
    auto seen = line.segment(begin, end - begin);
    const float largest = seen.maxCoeff();
    seen = (seen - largest).exp();
    sums[row] = seen.sum();
  }
}

void unpack(const float* packed, const float* sums, const AttentionShape& shape, int kv_head, const Block& block,
            float* out) {
  const int group = shape.heads / shape.kv_heads;
  const int width = shape.heads * shape.head_dim;
  for (int row = 0; row < group * block.tokens(); ++row) {
    const int token = block.begin + row % block.tokens();
    const int head = kv_head * group + row / block.tokens();
    Vector(out + offset(token, width) + offset(head, shape.head_dim), shape.head_dim) =
        ConstVector(packed + offset(row, shape.head_dim), shape.head_dim) * (1.0f / sums[row]);
  }
}

void attend(const Queries& queries, const AttentionShape& shape, const KvCache& cache, int kv_head, const Block& block,
            float* scratch, float* out) {
  const int rows = shape.heads / shape.kv_heads * block.tokens();
  const std::size_t first = offset(kv_head * cache.capacity + block.low, shape.head_dim);
  const ConstMatrix keys(cache.keys + first, block.keys(), shape.head_dim);
  const ConstMatrix values(cache.values + first, block.keys(), shape.head_dim);
  // The parts of the scratch start on 16-float boundaries; their sizes are those of attention_scratch().
  const auto boundary = [](std::size_t count) { return (count + 15) / 16 * 16; };
  float* packed = scratch;
  float* sums = packed + boundary(offset(rows, shape.head_dim));
  float* scores = sums + boundary(static_cast<std::size_t>(rows));
  pack_queries(queries, shape, kv_head, block, packed);
  Matrix score_matrix(scores, rows, block.keys());
  score_matrix.noalias() = ConstMatrix(packed, rows, shape.head_dim) * keys.transpose();
  exponentiate(queries, shape.window, shape.heads / shape.kv_heads, block, scores, sums);
  Matrix(packed, rows, shape.head_dim).noalias() = score_matrix * values;
  unpack(packed, sums, shape, kv_head, block, out);
}

}  // namespace

void attention(const Queries& queries, const AttentionShape& shape, const KvCache& cache, float* scratch, float* out) {
  for (int kv_head = 0; kv_head < shape.kv_heads; ++kv_head) {
    for (int begin = 0; begin < queries.tokens; begin += kQueryBlock) {
      const int end = begin + kQueryBlock < queries.tokens ? begin + kQueryBlock : queries.tokens;
      const Block block{begin, end, first_key(queries.past + begin, shape.window), queries.past + end};
      attend(queries, shape, cache, kv_head, block, scratch, out);
    }
  }
}

}  // namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT
