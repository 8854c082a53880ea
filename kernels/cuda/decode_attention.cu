#include <stdexcept>
#include <string>

#include "kernels/cuda/flash_tile.h"

namespace ppplan::kernels::cuda {
namespace {

constexpr int kWarpKeys = kTileKeys / kFlashWarps;

/// Results of parts, in scores scaled for exp2: out [splits, sequences, heads, head_dim] unnormalised, largest score
/// and sum [splits, sequences, heads]. A part without keys has -inf, 0 and zeros.
struct Partials {
  float* out;
  float* largest;
  float* sum;
};

struct DecodeArguments {
  const Bf16* queries;
  int query_stride;
  AttentionShape shape;
  PagedKv cache;
  PagedBatch batch;
  float scale;
  Partials partials;
};

template <int kHeadDim>
__device__ void load_group(const DecodeArguments& a, int sequence, int kv_head, Bf16* tile) {
  constexpr int kChunks = kHeadDim / kChunk;
  const int group = a.shape.heads / a.shape.kv_heads;
  for (int i = thread_index(); i < kWarpRows * kChunks; i += thread_count()) {
    const int row = i / kChunks, chunk = i % kChunks;
    const Bf16* from = a.queries;
    if (row < group)
      from += row_start(sequence, a.query_stride) + row_start(kv_head * group + row, kHeadDim) + chunk * kChunk;
    copy_async(tile + swizzled<kHeadDim>(row, chunk), from, row < group);
  }
}

/// What the warps of a block found, in shared memory: out [warps, rows, kHeadDim], largest and sum [warps, rows].
template <int kHeadDim>
__device__ void share_state(const WarpState<kHeadDim>& state, float* out, float* largest, float* sum) {
  const int lane = lane_of_thread();
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float total = row_sum(state.sum[half]);
    const int row = warp_of_thread() * kWarpRows + lane / 4 + 8 * half;
    if (lane % 4 == 0) {
      largest[row] = state.largest[half];
      sum[row] = total;
    }
#pragma unroll
    for (int n = 0; n < kHeadDim / 8; ++n) {
      out[row * kHeadDim + n * 8 + 2 * (lane % 4)] = state.out[n][2 * half];
      out[row * kHeadDim + n * 8 + 2 * (lane % 4) + 1] = state.out[n][2 * half + 1];
    }
  }
}

template <int kHeadDim>
__device__ void store_part(const DecodeArguments& a, int sequence, int kv_head, int split, const float* out,
                           const float* largest, const float* sum) {
  const int group = a.shape.heads / a.shape.kv_heads;
  const std::size_t first =
      row_start(split * a.batch.sequences + sequence, a.shape.heads) + static_cast<std::size_t>(kv_head * group);
  for (int i = thread_index(); i < group * kHeadDim; i += thread_count()) {
    const int row = i / kHeadDim;
    float best = -INFINITY;
    for (int warp = 0; warp < kFlashWarps; ++warp) best = fmaxf(best, largest[warp * kWarpRows + row]);
    float total = 0.0f, value = 0.0f;
    for (int warp = 0; warp < kFlashWarps; ++warp) {
      const float factor = exp2f(largest[warp * kWarpRows + row] - finite_max(best));
      total += factor * sum[warp * kWarpRows + row];
      value += factor * out[warp * kWarpRows * kHeadDim + i];
    }
    const std::size_t at = first + static_cast<std::size_t>(row);
    a.partials.out[at * kHeadDim + static_cast<std::size_t>(i % kHeadDim)] = value;
    if (i % kHeadDim == 0) {
      a.partials.largest[at] = best;
      a.partials.sum[at] = total;
    }
  }
}

// One block: one part of the keys of one sequence and KV head, for all heads of the group at once, which are the rows.
// The warps share a tile's keys out among each other, so that each reads a quarter of it.
template <int kHeadDim>
__global__ void __launch_bounds__(kFlashThreads) decode_kernel(DecodeArguments a) {
  const int split = block_x(), kv_head = block_y(), sequence = block_z();
  const int end = a.batch.kv_tokens[sequence];
  const int low = first_visible(end - 1, a.shape.window);
  const int first_tile = low / kTileKeys;
  const int tiles = divide_up(divide_up(end, kTileKeys) - first_tile, static_cast<int>(gridDim.x));
  const int first = first_tile + split * tiles;
  const int behind = first + tiles < divide_up(end, kTileKeys) ? first + tiles : divide_up(end, kTileKeys);

  Bf16* query_tile = dynamic_shared<Bf16>();
  Bf16* keys = query_tile + kWarpRows * kHeadDim;
  Bf16* values = keys + kTileKeys * kHeadDim;
  float* largest = reinterpret_cast<float*>(values + kTileKeys * kHeadDim);
  float* sum = largest + kFlashWarps * kWarpRows;
  const KeyRows key_rows = {a.cache.keys,
                            a.batch.page_table + row_start(sequence, a.batch.table_stride),
                            a.cache.page_tokens,
                            a.shape.kv_heads,
                            kv_head,
                            end};
  KeyRows value_rows = key_rows;
  value_rows.data = a.cache.values;
  QueryRows<kHeadDim> queries;
  WarpState<kHeadDim> state;
  if (first < behind) {
    load_group<kHeadDim>(a, sequence, kv_head, query_tile);
    walk_tiles<kHeadDim, kWarpKeys>(key_rows, value_rows, first, behind, warp_of_thread() * kWarpKeys,
                                    {{low, low}, {end, end}}, a.scale, keys, values, queries, state,
                                    [&](QueryRows<kHeadDim>& into) { read_queries<kHeadDim>(query_tile, 0, into); });
  }
  __syncthreads();  // nobody reads the tiles any more; the warps' results take their place
  float* out = reinterpret_cast<float*>(keys);
  share_state<kHeadDim>(state, out, largest, sum);
  __syncthreads();
  store_part<kHeadDim>(a, sequence, kv_head, split, out, largest, sum);
}

// One block: one head of one sequence.
__global__ void combine_parts_kernel(Partials partials, int splits, int head_dim, Bf16* out) {
  const std::size_t at = row_start(block_y(), static_cast<int>(gridDim.x)) + static_cast<std::size_t>(block_x());
  const std::size_t rows = static_cast<std::size_t>(gridDim.x) * gridDim.y;
  float best = -INFINITY;
  for (int split = 0; split < splits; ++split)
    best = fmaxf(best, partials.largest[static_cast<std::size_t>(split) * rows + at]);
  for (int i = thread_index(); i < head_dim; i += thread_count()) {
    float total = 0.0f, value = 0.0f;
    for (int split = 0; split < splits; ++split) {
      const std::size_t part = static_cast<std::size_t>(split) * rows + at;
      const float factor = exp2f(partials.largest[part] - finite_max(best));
      total += factor * partials.sum[part];
      value += factor * partials.out[row_start(static_cast<int>(part), head_dim) + static_cast<std::size_t>(i)];
    }
    out[at * static_cast<std::size_t>(head_dim) + static_cast<std::size_t>(i)] = __float2bfloat16_rn(value / total);
  }
}

template <int kHeadDim>
void launch_decode(const DecodeArguments& a, int splits, cudaStream_t stream) {
  static_assert(kFlashWarps * kWarpRows * sizeof(float) <= 2 * kTileKeys * sizeof(Bf16), "results fit the tiles");
  constexpr std::size_t kBytes =
      (kWarpRows + 2 * kTileKeys) * kHeadDim * sizeof(Bf16) + 2 * kFlashWarps * kWarpRows * sizeof(float);
  launch(decode_kernel<kHeadDim>, grid_of(splits, a.shape.kv_heads, a.batch.sequences), kFlashThreads, kBytes, stream,
         a);
}

std::size_t rows_of_parts(const AttentionShape& shape, int sequences, int splits) {
  return static_cast<std::size_t>(splits) * row_start(sequences, shape.heads);
}

}  // namespace

std::size_t decode_scratch(const AttentionShape& shape, int sequences, int splits) {
  return rows_of_parts(shape, sequences, splits) * static_cast<std::size_t>(shape.head_dim + 2);
}

void decode_attention(const Bf16* queries, int query_stride, const AttentionShape& shape, const PagedKv& cache,
                      const PagedBatch& batch, int splits, float* scratch, Bf16* out, cudaStream_t stream) {
  check_attention(shape, query_stride);
  if (shape.heads / shape.kv_heads > kWarpRows)
    throw std::invalid_argument("decode_attention takes at most 16 heads on a KV head, not " +
                                std::to_string(shape.heads / shape.kv_heads));
  if (splits < 1) throw std::invalid_argument("decode_attention takes at least one split");
  if (batch.sequences == 0) return;
  const std::size_t rows = rows_of_parts(shape, batch.sequences, splits);
  float* largest = scratch + rows * static_cast<std::size_t>(shape.head_dim);
  const DecodeArguments a = {
      queries, query_stride, shape, cache, batch, score_scale(shape.head_dim), {scratch, largest, largest + rows}};
  if (shape.head_dim == 64)
    launch_decode<64>(a, splits, stream);
  else
    launch_decode<128>(a, splits, stream);
  launch(combine_parts_kernel, grid_of(shape.heads, batch.sequences), static_cast<unsigned>(shape.head_dim), 0, stream,
         a.partials, splits, shape.head_dim, out);
}

}  // namespace ppplan::kernels::cuda
