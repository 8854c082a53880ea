// Sums over the lanes of a warp and over the threads of a block.
#pragma once

#include "kernels/cuda/platform.h"

namespace ppplan::kernels::cuda {

/// Sum over the warp, in every lane.
template <typename T>
__device__ T warp_sum(T value) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(kAllLanes, value, offset);
  return value;
}

/// Sum over the block, in every thread; blocks are whole warps. At most one call in a kernel: a second one would write
/// over what a slow warp still reads.
template <typename T>
__device__ T block_sum(T value) {
  __shared__ T partial[kWarp];
  value = warp_sum(value);
  if (lane_of_thread() == 0) partial[warp_of_thread()] = value;
  __syncthreads();
  return warp_sum(lane_of_thread() < thread_count() / kWarp ? partial[lane_of_thread()] : T{});
}

/// A value and where it stands. The larger value wins, the lower index among equals.
struct Candidate {
  float value;
  int index;
};
inline __device__ bool beats(const Candidate& a, const Candidate& b) {
  return a.value > b.value || (a.value == b.value && a.index < b.index);
}

/// The best of the warp, in every lane.
inline __device__ Candidate warp_best(Candidate best) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    const Candidate other = {__shfl_xor_sync(kAllLanes, best.value, offset),
                             __shfl_xor_sync(kAllLanes, best.index, offset)};
    if (beats(other, best)) best = other;
  }
  return best;
}

}  // namespace ppplan::kernels::cuda
