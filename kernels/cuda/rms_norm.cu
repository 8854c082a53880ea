#include "kernels/cuda/pack.h"
#include "kernels/cuda/reduce.h"

namespace ppplan::kernels::cuda {
namespace {

constexpr int kThreads = 512;

template <int kValues>
__device__ float sum_of_squares(const Pack<kValues>& pack) {
  float sum = 0.0f;
#pragma unroll
  for (int j = 0; j < kValues; ++j) {
    const float value = __bfloat162float(pack.value[j]);
    sum += value * value;
  }
  return sum;
}

template <int kValues>
__device__ void scale_row(const Bf16* x, const Bf16* gain, float factor, int packs, Bf16* out) {
  for (int i = thread_index(); i < packs; i += thread_count()) {
    Pack<kValues> pack = load_pack<kValues>(x, i);
    const Pack<kValues> gains = load_pack<kValues>(gain, i);
#pragma unroll
    for (int j = 0; j < kValues; ++j)
      pack.value[j] = __float2bfloat16_rn(__bfloat162float(pack.value[j]) * factor * __bfloat162float(gains.value[j]));
    store_pack<kValues>(out, i, pack);
  }
}

template <int kValues>
__global__ void rms_norm_kernel(const Bf16* x, const Bf16* gain, float epsilon, int width, int stride, Bf16* out) {
  const std::size_t start = row_start(block_x(), stride) + row_start(block_y(), width);
  float sum = 0.0f;
  for (int i = thread_index(); i < width / kValues; i += thread_count())
    sum += sum_of_squares(load_pack<kValues>(x + start, i));
  const float factor = rsqrtf(block_sum(sum) / static_cast<float>(width) + epsilon);
  scale_row<kValues>(x + start, gain, factor, width / kValues, out + start);
}

// Every thread reads back only the packs of the residual that it wrote itself, so no barrier stands between.
template <int kValues>
__global__ void add_rms_norm_kernel(const Bf16* x, const Bf16* gain, float epsilon, int width, Bf16* residual,
                                    Bf16* out) {
  const std::size_t start = row_start(block_x(), width);
  float sum = 0.0f;
  for (int i = thread_index(); i < width / kValues; i += thread_count()) {
    Pack<kValues> pack = load_pack<kValues>(residual + start, i);
    const Pack<kValues> added = load_pack<kValues>(x + start, i);
#pragma unroll
    for (int j = 0; j < kValues; ++j)
      pack.value[j] = __float2bfloat16_rn(__bfloat162float(pack.value[j]) + __bfloat162float(added.value[j]));
    store_pack<kValues>(residual + start, i, pack);
    sum += sum_of_squares(pack);
  }
  const float factor = rsqrtf(block_sum(sum) / static_cast<float>(width) + epsilon);
  scale_row<kValues>(residual + start, gain, factor, width / kValues, out + start);
}

}  // namespace

void rms_norm(const Bf16* x, const Bf16* gain, float epsilon, const NormRows& rows, Bf16* out, cudaStream_t stream) {
  if (rows.rows == 0) return;
  const bool wide = takes_wide_packs(rows.width, {x, gain, out}) && rows.stride % kWidePack == 0;
  launch(wide ? rms_norm_kernel<kWidePack> : rms_norm_kernel<1>, grid_of(rows.rows, rows.heads),
         threads_for(wide ? rows.width / kWidePack : rows.width, kThreads), 0, stream, x, gain, epsilon, rows.width,
         rows.stride, out);
}

void add_rms_norm(const Bf16* x, const Bf16* gain, float epsilon, int rows, int width, Bf16* residual, Bf16* out,
                  cudaStream_t stream) {
  if (rows == 0) return;
  const bool wide = takes_wide_packs(width, {x, gain, residual, out});
  launch(wide ? add_rms_norm_kernel<kWidePack> : add_rms_norm_kernel<1>, grid_of(rows),
         threads_for(wide ? width / kWidePack : width, kThreads), 0, stream, x, gain, epsilon, width, residual, out);
}

}  // namespace ppplan::kernels::cuda
