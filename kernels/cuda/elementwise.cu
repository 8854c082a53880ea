#include "kernels/cuda/pack.h"

namespace ppplan::kernels::cuda {
namespace {

constexpr int kThreads = 256;

template <int kValues>
__global__ void gather_kernel(const Bf16* x, const int* row, int hidden, Bf16* out) {
  const Bf16* from = x + row_start(row[block_x()], hidden);
  Bf16* to = out + row_start(block_x(), hidden);
  for (int i = thread_index(); i < hidden / kValues; i += thread_count())
    store_pack<kValues>(to, i, load_pack<kValues>(from, i));
}

template <int kValues>
__global__ void embed_part_kernel(const int* tokens, const Bf16* table, int first, int count, int hidden, Bf16* out) {
  const int row = tokens[block_x()] - first;
  const bool is_here = row >= 0 && row < count;
  Bf16* to = out + row_start(block_x(), hidden);
  for (int i = thread_index(); i < hidden / kValues; i += thread_count()) {
    Pack<kValues> values = {};
    if (is_here) values = load_pack<kValues>(table + row_start(row, hidden), i);
    store_pack<kValues>(to, i, values);
  }
}

__global__ void join_columns_kernel(const Bf16* x, int part, int rows, int width, Bf16* out) {
  const int column = block_y() * thread_count() + thread_index();
  if (column >= width) return;
  const Bf16* from = x + row_start((column / part) * rows + block_x(), part);
  out[row_start(block_x(), width) + static_cast<std::size_t>(column)] = from[column % part];
}

inline __device__ float silu(float x) { return x / (1.0f + expf(-x)); }

// A row's packs may take several blocks: gate_up is the widest array of a layer, and a decode step has few rows.
template <int kValues>
__global__ void swiglu_kernel(const Bf16* gate_up, int width, Bf16* out) {
  const Bf16* gates = gate_up + row_start(block_x(), 2 * width);
  const Bf16* ups = gates + width;
  const int i = block_y() * thread_count() + thread_index();
  if (i >= width / kValues) return;
  Pack<kValues> gate = load_pack<kValues>(gates, i);
  const Pack<kValues> up = load_pack<kValues>(ups, i);
#pragma unroll
  for (int j = 0; j < kValues; ++j)
    gate.value[j] = __float2bfloat16_rn(silu(__bfloat162float(gate.value[j])) * __bfloat162float(up.value[j]));
  store_pack<kValues>(out + row_start(block_x(), width), i, gate);
}

}  // namespace

void embed(const int* tokens, const Bf16* table, int rows, int hidden, Bf16* out, cudaStream_t stream) {
  gather(table, tokens, rows, hidden, out, stream);
}

void embed_part(const int* tokens, const Bf16* table, int first, int count, int rows, int hidden, Bf16* out,
                cudaStream_t stream) {
  if (rows == 0) return;
  const bool wide = takes_wide_packs(hidden, {table, out});
  launch(wide ? embed_part_kernel<kWidePack> : embed_part_kernel<1>, grid_of(rows),
         threads_for(wide ? hidden / kWidePack : hidden, kThreads), 0, stream, tokens, table, first, count, hidden,
         out);
}

void join_columns(const Bf16* x, int part, int rows, int width, Bf16* out, cudaStream_t stream) {
  if (rows == 0) return;
  launch(join_columns_kernel, grid_of(rows, divide_up(width, kThreads)), threads_for(width, kThreads), 0, stream, x,
         part, rows, width, out);
}

void gather(const Bf16* x, const int* row, int rows, int hidden, Bf16* out, cudaStream_t stream) {
  if (rows == 0) return;
  const bool wide = takes_wide_packs(hidden, {x, out});
  launch(wide ? gather_kernel<kWidePack> : gather_kernel<1>, grid_of(rows),
         threads_for(wide ? hidden / kWidePack : hidden, kThreads), 0, stream, x, row, hidden, out);
}

void swiglu(const Bf16* gate_up, int rows, int width, Bf16* out, cudaStream_t stream) {
  if (rows == 0) return;
  const bool wide = takes_wide_packs(width, {gate_up, out});
  const int packs = wide ? width / kWidePack : width;
  const unsigned threads = threads_for(packs, kThreads);
  launch(wide ? swiglu_kernel<kWidePack> : swiglu_kernel<1>, grid_of(rows, divide_up(packs, static_cast<int>(threads))),
         threads, 0, stream, gate_up, width, out);
}

}  // namespace ppplan::kernels::cuda
