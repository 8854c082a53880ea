#include <stdexcept>
#include <string>

#include "kernels/cuda/operations.h"
#include "kernels/cuda/ptx.h"
#include "kernels/cuda/reduce.h"

namespace ppplan::kernels::cuda {
namespace {

constexpr int kRopeThreads = 256;
constexpr int kChunk = 8;      // values in 16 bytes
constexpr int kWarps = 8;      // of a block
constexpr int kWarpHeads = 2;  // whose queries a warp keeps in registers
constexpr int kBlockHeads = kWarps * kWarpHeads;
constexpr int kTileTokens = 16;  // whose latents a block holds in shared memory

// One block a token: pairs of the queries' rotated parts, then the shared key's, then the latent as it is.
__global__ void rope_store_latent_kernel(LatentRows rows, const int* position, const int* slot, const float* cosines,
                                         const float* sines, LatentShape shape, PagedLatents cache, Bf16* absorbed) {
  const int token = block_x(), half = shape.rope / 2, width = shape.nope + shape.rope;
  const int stored = shape.latent + shape.rope;  // of a token: shape.cached(), a function of the host
  const std::size_t angles = row_start(position[token], half);
  const Bf16* latent = rows.latents + row_start(token, rows.latent_stride);
  Bf16* const cached = slot[token] < 0 ? nullptr : cache.tokens + row_start(slot[token], stored);
  for (int i = thread_index(); i < (shape.heads + 1) * half; i += thread_count()) {
    const int head = i / half, pair = i % half;
    const bool is_key = head == shape.heads;
    if (is_key && cached == nullptr) continue;
    const Bf16* const query = rows.queries + row_start(token, rows.query_stride) + row_start(head, width) + shape.nope;
    const Bf16* const from = (is_key ? latent + shape.latent : query) + pair;
    Bf16* const row = is_key ? cached : absorbed + row_start(token * shape.heads + head, stored);
    Bf16* const to = row + shape.latent + pair;
    const float cosine = cosines[angles + static_cast<std::size_t>(pair)];
    const float sine = sines[angles + static_cast<std::size_t>(pair)];
    const float x = __bfloat162float(from[0]), y = __bfloat162float(from[half]);
    to[0] = __float2bfloat16_rn(x * cosine - y * sine);
    to[half] = __float2bfloat16_rn(y * cosine + x * sine);
  }
  if (cached == nullptr) return;
  for (int i = thread_index(); i < shape.latent; i += thread_count()) cached[i] = latent[i];
}

struct LatentArguments {
  const Bf16* queries;
  const int* query_start;
  int heads;
  PagedLatents cache;
  PagedBatch batch;
  float scale;  // with log2(e), so that exponentials are powers of two
  Bf16* out;
};

/// The chunks of a row of kChunks that a lane has: lane, lane + 32, ...
template <int kChunks>
inline constexpr int kLaneChunks = (kChunks + kWarp - 1) / kWarp;

template <int kChunks>
__device__ void read_row(const Bf16* row, float (&values)[kLaneChunks<kChunks>][kChunk]) {
#pragma unroll
  for (int c = 0; c < kLaneChunks<kChunks>; ++c) {
    const int chunk = lane_of_thread() + c * kWarp;
#pragma unroll
    for (int i = 0; i < kChunk; ++i) values[c][i] = chunk < kChunks ? __bfloat162float(row[chunk * kChunk + i]) : 0.0f;
  }
}

/// One head of one token: its absorbed query, and what it has seen so far.
template <int kLatent, int kRope>
struct HeadState {
  static constexpr int kRowChunks = (kLatent + kRope) / kChunk;
  static constexpr int kOutChunks = kLatent / kChunk;
  float query[kLaneChunks<kRowChunks>][kChunk];
  float out[kLaneChunks<kOutChunks>][kChunk] = {};
  float largest = -INFINITY;
  float sum = 0.0f;

  __device__ float score(const Bf16* row) const {
    float key[kLaneChunks<kRowChunks>][kChunk];
    read_row<kRowChunks>(row, key);
    float dot = 0.0f;
#pragma unroll
    for (int c = 0; c < kLaneChunks<kRowChunks>; ++c)
#pragma unroll
      for (int i = 0; i < kChunk; ++i) dot += query[c][i] * key[c][i];
    return warp_sum(dot);
  }

  /// The latent of a token is its value too.
  __device__ void see(const Bf16* row, float score) {
    const float before = largest;
    largest = fmaxf(largest, score);
    const float kept = exp2f(before - largest), weight = exp2f(score - largest);
    float value[kLaneChunks<kOutChunks>][kChunk];
    read_row<kOutChunks>(row, value);
    sum = kept * sum + weight;
#pragma unroll
    for (int c = 0; c < kLaneChunks<kOutChunks>; ++c)
#pragma unroll
      for (int i = 0; i < kChunk; ++i) out[c][i] = kept * out[c][i] + weight * value[c][i];
  }

  __device__ void store(Bf16* to) const {
#pragma unroll
    for (int c = 0; c < kLaneChunks<kOutChunks>; ++c) {
      const int chunk = lane_of_thread() + c * kWarp;
      if (chunk >= kOutChunks) continue;
#pragma unroll
      for (int i = 0; i < kChunk; ++i) to[chunk * kChunk + i] = __float2bfloat16_rn(out[c][i] / sum);
    }
  }
};

/// Starts copies of the tokens from `begin` on; rows past the end become zeros.
template <int kWidth>
__device__ void load_tokens(const LatentArguments& a, int sequence, int begin, int end, Bf16* tile) {
  constexpr int kChunks = kWidth / kChunk;
  const int* pages = a.batch.page_table + row_start(sequence, a.batch.table_stride);
  for (int i = thread_index(); i < kTileTokens * kChunks; i += thread_count()) {
    const int row = i / kChunks, position = begin + row;
    const Bf16* from = a.cache.tokens;
    if (position < end)
      from += row_start(pages[position / a.cache.page_tokens] * a.cache.page_tokens + position % a.cache.page_tokens,
                        kWidth) +
              (i % kChunks) * kChunk;
    copy_async(tile + i * kChunk, from, position < end);
  }
}

// One block: one token, and kBlockHeads of its heads, which read the same latents.
template <int kLatent, int kRope>
__global__ void __launch_bounds__(kWarps* kWarp) latent_attention_kernel(LatentArguments a) {
  constexpr int kWidth = kLatent + kRope;
  const int sequence = block_z(), first_row = a.query_start[sequence];
  const int tokens = a.query_start[sequence + 1] - first_row, token = block_x();
  if (token >= tokens) return;
  const int end = a.batch.kv_tokens[sequence] - tokens + token + 1;
  Bf16* const tile = dynamic_shared<Bf16>();
  HeadState<kLatent, kRope> heads[kWarpHeads];
  const int first_head = block_y() * kBlockHeads + warp_of_thread() * kWarpHeads;
#pragma unroll
  for (int h = 0; h < kWarpHeads; ++h) {
    const int head = first_head + h < a.heads ? first_head + h : 0;
    read_row<kWidth / kChunk>(a.queries + row_start((first_row + token) * a.heads + head, kWidth), heads[h].query);
  }
  for (int begin = 0; begin < end; begin += kTileTokens) {
    load_tokens<kWidth>(a, sequence, begin, end, tile);
    copy_commit();
    copy_wait<0>();
    __syncthreads();  // the latents are there
    const int count = end - begin < kTileTokens ? end - begin : kTileTokens;
    for (int row = 0; row < count; ++row)
#pragma unroll
      for (int h = 0; h < kWarpHeads; ++h)
        heads[h].see(tile + row * kWidth, a.scale * heads[h].score(tile + row * kWidth));
    __syncthreads();  // nobody reads them any more
  }
#pragma unroll
  for (int h = 0; h < kWarpHeads; ++h)
    if (first_head + h < a.heads)
      heads[h].store(a.out + row_start((first_row + token) * a.heads + first_head + h, kLatent));
}

template <int kLatent, int kRope>
void launch_latent(const LatentArguments& a, int longest, cudaStream_t stream) {
  constexpr std::size_t kBytes = kTileTokens * (kLatent + kRope) * sizeof(Bf16);
  launch(latent_attention_kernel<kLatent, kRope>, grid_of(longest, divide_up(a.heads, kBlockHeads), a.batch.sequences),
         kWarps * kWarp, kBytes, stream, a);
}

}  // namespace

void rope_store_latent(const LatentRows& rows, const int* position, const int* slot, const float* cosines,
                       const float* sines, int tokens, const LatentShape& shape, const PagedLatents& cache,
                       Bf16* absorbed, cudaStream_t stream) {
  if (tokens == 0) return;
  launch(rope_store_latent_kernel, grid_of(tokens), kRopeThreads, 0, stream, rows, position, slot, cosines, sines,
         shape, cache, absorbed);
}

void latent_attention(const Bf16* queries, const int* query_start, int longest, const LatentShape& shape,
                      const PagedLatents& cache, const PagedBatch& batch, Bf16* out, cudaStream_t stream) {
  const float scale = 1.4426950408889634f / sqrtf(static_cast<float>(shape.nope + shape.rope));
  const LatentArguments a{queries, query_start, shape.heads, cache, batch, scale, out};
  const bool large = shape.latent == 512 && shape.rope == 64, small = shape.latent == 256 && shape.rope == 32;
  if (!large && !small)
    throw std::invalid_argument("latent_attention takes latents of 512 and 64 or 256 and 32 values, not " +
                                std::to_string(shape.latent) + " and " + std::to_string(shape.rope));
  if (batch.sequences == 0 || longest == 0) return;
  if (large)
    launch_latent<512, 64>(a, longest, stream);
  else
    launch_latent<256, 32>(a, longest, stream);
}

}  // namespace ppplan::kernels::cuda
