// What nvcc gives a kernel source, for a C++ compiler: keywords, built-in variables and functions, launches and the
// wrapped PTX instructions, all on the double of execution.h. kernels/cuda/platform.h includes it when nvcc does not
// compile. It needs the toolkit's headers for bf16 and vector types, not its compiler.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cmath>
#include <tuple>
#include <utility>

#include "tests/cuda_on_cpu/execution.h"
#include "tests/cuda_on_cpu/instructions.h"
#include "tests/cuda_on_cpu/warp.h"

// The toolkit's headers define these for its own compiler; they are through with them here.
#undef __global__
#undef __device__
#undef __host__
#undef __shared__
#undef __forceinline__
#undef __launch_bounds__
#define __global__
#define __device__
#define __host__
#define __shared__ static  // one block runs at a time
#define __forceinline__ inline
#define __launch_bounds__(...)

namespace ppplan::cuda_on_cpu {

/// Hands the kernel over with its arguments as they are now: to run at once, or on the stream of a double.
template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream,
            Arguments&&... arguments) {
  const std::tuple<Parameters...> values(std::forward<Arguments>(arguments)...);
  submit(stream, [=] { run_grid(grid, block, shared_bytes, [&] { std::apply(kernel, values); }); });
}

template <typename T>
T* dynamic_shared() {
  return static_cast<T*>(shared_memory());
}

}  // namespace ppplan::cuda_on_cpu

inline void __syncthreads(const ppplan::cuda_on_cpu::Site& site = ppplan::cuda_on_cpu::Site::current()) {
  ppplan::cuda_on_cpu::block_barrier("__syncthreads", site);
}

// Threads change places only where they wait, so an atomic operation is a plain one.
template <typename T>
T atomicAdd(T* at, T value) {
  return std::exchange(*at, *at + value);
}
template <typename T>
T atomicMax(T* at, T value) {
  return std::exchange(*at, value > *at ? value : *at);
}

inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
