#include "kernels/cuda/operations.h"
#include "kernels/cuda/platform.h"

namespace ppplan::kernels::cuda {
namespace {

constexpr int kThreads = 256;

/// First element of a token's head in one of the cache's arrays.
inline __device__ std::size_t cache_start(int slot, int kv_head, const AttentionShape& shape, int page_tokens) {
  const int page = slot / page_tokens;
  const std::size_t rows =
      row_start(page * shape.kv_heads + kv_head, page_tokens) + static_cast<std::size_t>(slot % page_tokens);
  return rows * static_cast<std::size_t>(shape.head_dim);
}

// One block a token. The pairs of the rotated heads come first, then the values, two at a time.
__global__ void rope_store_kv_kernel(Bf16* qkv, const int* position, const int* slot, const float* cosines,
                                     const float* sines, AttentionShape shape, PagedKv cache) {
  const int token = block_x(), half = shape.head_dim / 2;
  const int rotated = shape.heads + shape.kv_heads;
  Bf16* row = qkv + row_start(token, (rotated + shape.kv_heads) * shape.head_dim);
  const std::size_t angles = row_start(position[token], half);
  for (int i = thread_index(); i < (rotated + shape.kv_heads) * half; i += thread_count()) {
    const int head = i / half, pair = i % half;
    Bf16* first = row + row_start(head, shape.head_dim) + pair;
    Bf16 a = first[0], b = first[half];
    if (head < rotated) {
      const float cosine = cosines[angles + static_cast<std::size_t>(pair)];
      const float sine = sines[angles + static_cast<std::size_t>(pair)];
      const float x = __bfloat162float(a), y = __bfloat162float(b);
      a = __float2bfloat16_rn(x * cosine - y * sine);
      b = __float2bfloat16_rn(y * cosine + x * sine);
    }
    Bf16* to = first;
    if (head >= shape.heads) {
      if (slot[token] < 0) continue;
      const int kv_head = (head - shape.heads) % shape.kv_heads;
      to = (head < rotated ? cache.keys : cache.values) + cache_start(slot[token], kv_head, shape, cache.page_tokens) +
           pair;
    }
    to[0] = a;
    to[half] = b;
  }
}

}  // namespace

void rope_store_kv(Bf16* qkv, const int* position, const int* slot, const float* cosines, const float* sines,
                   int tokens, const AttentionShape& shape, const PagedKv& cache, cudaStream_t stream) {
  if (tokens == 0) return;
  launch(rope_store_kv_kernel, grid_of(tokens), kThreads, 0, stream, qkv, position, slot, cosines, sines, shape, cache);
}

}  // namespace ppplan::kernels::cuda
