#include "kernels/cuda/platform.h"
#include "kernels/cuda/ptx.h"
#include "kernels/cuda/wire_clock.h"

namespace ppplan::kernels::cuda {
namespace {

constexpr unsigned kNap = 500;  // nanoseconds between two looks at the clock

__global__ void note_kernel(unsigned long long* at) { *at = global_time_ns(); }

__global__ void hold_kernel(const unsigned long long* since, unsigned long long nanoseconds) {
  const unsigned long long begin = *since;
  while (global_time_ns() - begin < nanoseconds) sleep_ns(kNap);
}

}  // namespace

void note_time(unsigned long long* at, cudaStream_t stream) { launch(note_kernel, 1, 1, 0, stream, at); }

void hold_since(const unsigned long long* since, unsigned long long nanoseconds, cudaStream_t stream) {
  launch(hold_kernel, 1, 1, 0, stream, since, nanoseconds);
}

}  // namespace ppplan::kernels::cuda
