// Attention tile by tile with an online softmax, shared by prefill and decode (Dao, FlashAttention-2, 2023).
//
// A warp owns 16 query rows and walks over tiles of kTileKeys keys that the block holds in shared memory. For the rows
// it keeps the largest score m, the sum l of exp2(score - m) and the unnormalised output; scores are scaled by
// log2(e) / sqrt(head_dim), so that exponentials are powers of two. A lane holds rows g and g + 8, g = lane / 4, and
// columns 2 (lane % 4) and the next of every 8: the layout of an mma accumulator.
//
// Rows in shared memory are kHeadDim values; chunk c of 8 values of row r lies at place c ^ (r % 8), so that neither
// ldmatrix nor the copies meet in a bank.
#pragma once

#include "kernels/cuda/operations.h"
#include "kernels/cuda/ptx.h"

namespace ppplan::kernels::cuda {

inline constexpr int kTileKeys = 64;
inline constexpr int kWarpRows = 16;
inline constexpr int kFlashWarps = 4;
inline constexpr int kFlashThreads = kFlashWarps * kWarp;
inline constexpr int kChunk = 8;  // values in 16 bytes

template <int kHeadDim>
__device__ __forceinline__ int swizzled(int row, int chunk) {
  return row * kHeadDim + (chunk ^ (row % 8)) * kChunk;
}

/// Where the keys of one sequence and KV head lie.
struct KeyRows {
  const Bf16* data;  // keys or values of the layer
  const int* pages;  // of the sequence
  int page_tokens, kv_heads, kv_head;
  int end;  // tokens in the cache
};

/// Starts copies of the kTileKeys rows from position `begin` on; rows past the end become zeros.
template <int kHeadDim>
__device__ void load_tile(const KeyRows& rows, int begin, Bf16* tile) {
  constexpr int kChunks = kHeadDim / kChunk;
  for (int i = thread_index(); i < kTileKeys * kChunks; i += thread_count()) {
    const int row = i / kChunks, chunk = i % kChunks, position = begin + row;
    const Bf16* from = rows.data;
    if (position < rows.end) {
      const int page = rows.pages[position / rows.page_tokens];
      from += (row_start(page * rows.kv_heads + rows.kv_head, rows.page_tokens) +
               static_cast<std::size_t>(position % rows.page_tokens)) *
                  kHeadDim +
              chunk * kChunk;
    }
    copy_async(tile + swizzled<kHeadDim>(row, chunk), from, position < rows.end);
  }
}

/// 16 query rows as operand A of the products.
template <int kHeadDim>
struct QueryRows {
  unsigned part[kHeadDim / 16][4];
};
template <int kHeadDim>
__device__ void read_queries(const Bf16* tile, int first_row, QueryRows<kHeadDim>& queries) {
  const int row = first_row + lane_of_thread() % 16;
#pragma unroll
  for (int k = 0; k < kHeadDim / 16; ++k)
    load_matrices(queries.part[k], tile + swizzled<kHeadDim>(row, 2 * k + lane_of_thread() / 16));
}

/// score [16, kKeys] = queries * keys^T of the kKeys rows of the tile from `first_key` on.
template <int kHeadDim, int kKeys>
__device__ void score_keys(const QueryRows<kHeadDim>& queries, const Bf16* keys, int first_key,
                           float (&score)[kKeys / 8][4]) {
  const int lane = lane_of_thread();
#pragma unroll
  for (int n = 0; n < kKeys / 8; n += 2) {
#pragma unroll
    for (int j = 0; j < 4; ++j) score[n][j] = score[n + 1][j] = 0.0f;
#pragma unroll
    for (int k = 0; k < kHeadDim / 16; ++k) {
      unsigned part[4];
      load_matrices(part,
                    keys + swizzled<kHeadDim>(first_key + n * 8 + lane / 16 * 8 + lane % 8, 2 * k + lane / 8 % 2));
      mma_bf16(score[n], queries.part[k], part[0], part[1]);
      mma_bf16(score[n + 1], queries.part[k], part[2], part[3]);
    }
  }
}

/// Positions that the two rows of a lane see: [low, high).
struct Visible {
  int low[2];
  int high[2];
};

template <int kHeadDim>
struct WarpState {
  float out[kHeadDim / 8][4] = {};
  float largest[2] = {-INFINITY, -INFINITY};
  float sum[2] = {};  // over the columns of this lane alone
};

/// Largest of the four lanes that share a row.
inline __device__ float row_max(float value) {
  value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, 1));
  return fmaxf(value, __shfl_xor_sync(kAllLanes, value, 2));
}
inline __device__ float row_sum(float value) {
  value += __shfl_xor_sync(kAllLanes, value, 1);
  return value + __shfl_xor_sync(kAllLanes, value, 2);
}
/// Subtracted from scores: finite where a row has seen nothing yet, since -inf - -inf is no number.
inline __device__ float finite_max(float largest) { return largest == -INFINITY ? 0.0f : largest; }

/// Turns scores of the keys from position `begin` on into exp2(scale * score - m), and brings the state to the new m.
template <int kHeadDim, int kKeys>
__device__ void online_softmax(float (&score)[kKeys / 8][4], int begin, const Visible& visible, float scale,
                               WarpState<kHeadDim>& state) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float largest = -INFINITY;
#pragma unroll
    for (int i = 0; i < kKeys / 4; ++i) {
      float& value = score[i / 2][2 * half + i % 2];
      const int position = begin + i / 2 * 8 + 2 * (lane_of_thread() % 4) + i % 2;
      const bool is_seen = position >= visible.low[half] && position < visible.high[half];
      value = is_seen ? value * scale : -INFINITY;
      largest = fmaxf(largest, value);
    }
    largest = fmaxf(state.largest[half], row_max(largest));
    const float base = finite_max(largest);
    const float correction = exp2f(state.largest[half] - base);
    state.largest[half] = largest;
    state.sum[half] *= correction;
#pragma unroll
    for (int i = 0; i < kKeys / 4; ++i) {
      float& value = score[i / 2][2 * half + i % 2];
      value = exp2f(value - base);
      state.sum[half] += value;
    }
#pragma unroll
    for (int n = 0; n < kHeadDim / 8; ++n) {
      state.out[n][2 * half] *= correction;
      state.out[n][2 * half + 1] *= correction;
    }
  }
}

/// out += weights * values of the kKeys rows of the tile from `first_key` on, the weights rounded to bf16.
template <int kHeadDim, int kKeys>
__device__ void add_values(const float (&weight)[kKeys / 8][4], const Bf16* values, int first_key,
                           WarpState<kHeadDim>& state) {
#pragma unroll
  for (int k = 0; k < kKeys / 16; ++k) {
    const auto& left = weight[2 * k];
    const auto& right = weight[2 * k + 1];
    const unsigned part[4] = {pack_bf16(left[0], left[1]), pack_bf16(left[2], left[3]), pack_bf16(right[0], right[1]),
                              pack_bf16(right[2], right[3])};
    const int row = first_key + 16 * k + lane_of_thread() % 16;
#pragma unroll
    for (int n = 0; n < kHeadDim / 8; n += 2) {
      unsigned value[4];
      load_matrices_transposed(value, values + swizzled<kHeadDim>(row, n + lane_of_thread() / 16));
      mma_bf16(state.out[n], part, value[0], value[1]);
      mma_bf16(state.out[n + 1], part, value[2], value[3]);
    }
  }
}

/// Walks over the tiles [first, last) of keys, at least one; `keys` and `values` hold a tile each. The values travel
/// while scores are computed, the next keys while values are added. The copies of the queries, started before, count as
/// part of the first tile; ready(queries) reads them when they are there.
template <int kHeadDim, int kKeys, typename Ready>
__device__ void walk_tiles(const KeyRows& key_rows, const KeyRows& value_rows, int first, int last, int first_key,
                           const Visible& visible, float scale, Bf16* keys, Bf16* values, QueryRows<kHeadDim>& queries,
                           WarpState<kHeadDim>& state, Ready ready) {
  load_tile<kHeadDim>(key_rows, first * kTileKeys, keys);
  copy_commit();
  for (int tile = first; tile < last; ++tile) {
    copy_wait<0>();
    __syncthreads();  // the keys are there, and nobody reads the values of the last tile any more
    load_tile<kHeadDim>(value_rows, tile * kTileKeys, values);
    copy_commit();
    if (tile == first) ready(queries);
    float score[kKeys / 8][4];
    score_keys<kHeadDim, kKeys>(queries, keys, first_key, score);
    copy_wait<0>();
    __syncthreads();  // the values are there, and nobody reads the keys any more
    if (tile + 1 < last) load_tile<kHeadDim>(key_rows, (tile + 1) * kTileKeys, keys);
    copy_commit();
    online_softmax<kHeadDim, kKeys>(score, tile * kTileKeys + first_key, visible, scale, state);
    add_values<kHeadDim, kKeys>(score, values, first_key, state);
  }
}

/// Scores are multiplied by this before exp2.
inline float score_scale(int head_dim) { return 1.44269504f / sqrtf(static_cast<float>(head_dim)); }

/// First position that a token at `position` sees.
inline __device__ int first_visible(int position, int window) {
  return window > 0 && position >= window ? position - window + 1 : 0;
}

/// Throws std::invalid_argument for what attention does not support.
void check_attention(const AttentionShape& shape, int query_stride);

}  // namespace ppplan::kernels::cuda
