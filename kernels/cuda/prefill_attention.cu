#include <stdexcept>
#include <string>

#include "kernels/cuda/flash_tile.h"

namespace ppplan::kernels::cuda {
namespace {

constexpr int kBlockRows = kFlashWarps * kWarpRows;

struct PrefillArguments {
  const Bf16* queries;
  int query_stride;
  const int* query_start;
  AttentionShape shape;
  PagedKv cache;
  PagedBatch batch;
  float scale;
  Bf16* out;
};

/// The rows of one block: query tokens [begin, end) of a sequence whose first row is `first_row` and whose tokens
/// before the first query are `past`.
struct BlockRows {
  int first_row, begin, end, past;
};

template <int kHeadDim>
__device__ void load_queries(const PrefillArguments& a, const BlockRows& rows, int head, Bf16* tile) {
  constexpr int kChunks = kHeadDim / kChunk;
  for (int i = thread_index(); i < kBlockRows * kChunks; i += thread_count()) {
    const int row = i / kChunks, chunk = i % kChunks;
    const bool valid = rows.begin + row < rows.end;
    const Bf16* from = a.queries;
    if (valid)
      from += row_start(rows.first_row + rows.begin + row, a.query_stride) + row_start(head, kHeadDim) + chunk * kChunk;
    copy_async(tile + swizzled<kHeadDim>(row, chunk), from, valid);
  }
}

template <int kHeadDim>
__device__ void store_rows(const PrefillArguments& a, const BlockRows& rows, int head,
                           const WarpState<kHeadDim>& state) {
  const int lane = lane_of_thread();
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float inverse = 1.0f / row_sum(state.sum[half]);
    const int row = rows.begin + warp_of_thread() * kWarpRows + lane / 4 + 8 * half;
    if (row >= rows.end) continue;
    Bf16* out = a.out + row_start(rows.first_row + row, a.shape.heads * kHeadDim) + row_start(head, kHeadDim);
#pragma unroll
    for (int n = 0; n < kHeadDim / 8; ++n)
      *reinterpret_cast<__nv_bfloat162*>(out + n * 8 + 2 * (lane % 4)) =
          __floats2bfloat162_rn(state.out[n][2 * half] * inverse, state.out[n][2 * half + 1] * inverse);
  }
}

// One block: kBlockRows query tokens of one head. Blocks of late tokens, which have most keys, come first.
template <int kHeadDim>
__global__ void __launch_bounds__(kFlashThreads) prefill_kernel(PrefillArguments a) {
  const int sequence = block_z(), head = block_y();
  const int first_row = a.query_start[sequence], tokens = a.query_start[sequence + 1] - first_row;
  const int begin = (static_cast<int>(gridDim.x) - 1 - block_x()) * kBlockRows;
  if (begin >= tokens) return;
  const int end = begin + kBlockRows < tokens ? begin + kBlockRows : tokens;
  const BlockRows rows = {first_row, begin, end, a.batch.kv_tokens[sequence] - tokens};
  Bf16* query_tile = dynamic_shared<Bf16>();
  Bf16* keys = query_tile + kBlockRows * kHeadDim;
  Bf16* values = keys + kTileKeys * kHeadDim;
  load_queries<kHeadDim>(a, rows, head, query_tile);

  const int position = rows.past + begin + warp_of_thread() * kWarpRows + lane_of_thread() / 4;
  const Visible visible = {{first_visible(position, a.shape.window), first_visible(position + 8, a.shape.window)},
                           {position + 1, position + 9}};
  KeyRows key_rows = {a.cache.keys,
                      a.batch.page_table + row_start(sequence, a.batch.table_stride),
                      a.cache.page_tokens,
                      a.shape.kv_heads,
                      head / (a.shape.heads / a.shape.kv_heads),
                      a.batch.kv_tokens[sequence]};
  KeyRows value_rows = key_rows;
  value_rows.data = a.cache.values;
  QueryRows<kHeadDim> queries;
  WarpState<kHeadDim> state;
  walk_tiles<kHeadDim, kTileKeys>(
      key_rows, value_rows, first_visible(rows.past + begin, a.shape.window) / kTileKeys,
      divide_up(rows.past + end, kTileKeys), 0, visible, a.scale, keys, values, queries, state,
      [&](QueryRows<kHeadDim>& into) { read_queries<kHeadDim>(query_tile, warp_of_thread() * kWarpRows, into); });
  store_rows<kHeadDim>(a, rows, head, state);
}

template <int kHeadDim>
void launch_prefill(const PrefillArguments& a, int longest, cudaStream_t stream) {
  constexpr std::size_t kBytes = (kBlockRows + 2 * kTileKeys) * kHeadDim * sizeof(Bf16);
  launch(prefill_kernel<kHeadDim>, grid_of(divide_up(longest, kBlockRows), a.shape.heads, a.batch.sequences),
         kFlashThreads, kBytes, stream, a);
}

}  // namespace

void check_attention(const AttentionShape& shape, int query_stride) {
  if (shape.head_dim != 64 && shape.head_dim != 128)
    throw std::invalid_argument("attention takes heads of 64 or 128 values, not " + std::to_string(shape.head_dim));
  if (shape.kv_heads < 1 || shape.heads % shape.kv_heads != 0)
    throw std::invalid_argument("attention takes a multiple of the " + std::to_string(shape.kv_heads) +
                                " KV heads, not " + std::to_string(shape.heads) + " heads");
  if (query_stride % kChunk != 0)
    throw std::invalid_argument("attention takes a query stride that is a multiple of 8 values, not " +
                                std::to_string(query_stride));
}

void prefill_attention(const Bf16* queries, int query_stride, const int* query_start, int longest,
                       const AttentionShape& shape, const PagedKv& cache, const PagedBatch& batch, Bf16* out,
                       cudaStream_t stream) {
  check_attention(shape, query_stride);
  if (batch.sequences == 0 || longest == 0) return;
  const PrefillArguments a = {queries, query_stride, query_start, shape, cache, batch, score_scale(shape.head_dim),
                              out};
  if (shape.head_dim == 64) return launch_prefill<64>(a, longest, stream);
  launch_prefill<128>(a, longest, stream);
}

}  // namespace ppplan::kernels::cuda
