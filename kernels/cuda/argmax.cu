#include "kernels/cuda/pack.h"
#include "kernels/cuda/reduce.h"

namespace ppplan::kernels::cuda {
namespace {

constexpr int kThreads = 512;

template <int kValues>
__global__ void argmax_kernel(const Bf16* logits, int vocabulary, int* token) {
  __shared__ Candidate warps[kWarp];
  const Bf16* row = logits + row_start(block_x(), vocabulary);
  Candidate best = {-INFINITY, vocabulary};
  for (int i = thread_index(); i < vocabulary / kValues; i += thread_count()) {
    const Pack<kValues> pack = load_pack<kValues>(row, i);
#pragma unroll
    for (int j = 0; j < kValues; ++j) {
      const Candidate candidate = {__bfloat162float(pack.value[j]), i * kValues + j};
      if (beats(candidate, best)) best = candidate;
    }
  }
  best = warp_best(best);
  if (lane_of_thread() == 0) warps[warp_of_thread()] = best;
  __syncthreads();
  if (warp_of_thread() > 0) return;
  best = warp_best(lane_of_thread() < thread_count() / kWarp ? warps[lane_of_thread()] : best);
  if (lane_of_thread() == 0) token[block_x()] = best.index;
}

}  // namespace

void argmax(const Bf16* logits, int rows, int vocabulary, int* token, cudaStream_t stream) {
  if (rows == 0) return;
  const bool wide = takes_wide_packs(vocabulary, {logits});
  launch(wide ? argmax_kernel<kWidePack> : argmax_kernel<1>, grid_of(rows),
         threads_for(wide ? vocabulary / kWidePack : vocabulary, kThreads), 0, stream, logits, vocabulary, token);
}

}  // namespace ppplan::kernels::cuda
