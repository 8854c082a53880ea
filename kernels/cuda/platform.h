// What a kernel source needs of the compiler that reads it: nvcc, or a C++ compiler with a double of the execution
// model, <cuda_on_cpu.h>, on its include path (the tests). First include of every kernel source.
//
// Launches go through launch(kernel, grid, block, shared_bytes, stream, arguments...), which throws std::runtime_error
// when the launch is refused, and dynamic shared memory through dynamic_shared<T>().
#pragma once

#if defined(__CUDACC__)

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <stdexcept>
#include <string>

namespace ppplan::kernels::cuda {

inline void check_launch(cudaError_t error, const char* call) {
  if (error != cudaSuccess) throw std::runtime_error(std::string(call) + ": " + cudaGetErrorString(error));
}

template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream,
            Arguments&&... arguments) {
  constexpr std::size_t kWithoutAsking = 48 * 1024;
  if (shared_bytes > kWithoutAsking)
    check_launch(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)),
        "cudaFuncSetAttribute");
  kernel<<<grid, block, shared_bytes, stream>>>(static_cast<Parameters>(arguments)...);
  check_launch(cudaGetLastError(), "kernel launch");
}

template <typename T>
__device__ T* dynamic_shared() {
  extern __shared__ __align__(128) unsigned char ppplan_dynamic_shared[];
  return reinterpret_cast<T*>(ppplan_dynamic_shared);
}

}  // namespace ppplan::kernels::cuda

#else

#include <cuda_on_cpu.h>

namespace ppplan::kernels::cuda {
using cuda_on_cpu::dynamic_shared;
using cuda_on_cpu::launch;
}  // namespace ppplan::kernels::cuda

#endif

namespace ppplan::kernels::cuda {

inline constexpr int kWarp = 32;
inline constexpr unsigned kAllLanes = 0xffffffffu;

// One-dimensional blocks, as every kernel here has them.
inline __device__ int thread_index() { return static_cast<int>(threadIdx.x); }
inline __device__ int thread_count() { return static_cast<int>(blockDim.x); }
inline __device__ int lane_of_thread() { return thread_index() % kWarp; }
inline __device__ int warp_of_thread() { return thread_index() / kWarp; }
inline __device__ int block_x() { return static_cast<int>(blockIdx.x); }
inline __device__ int block_y() { return static_cast<int>(blockIdx.y); }
inline __device__ int block_z() { return static_cast<int>(blockIdx.z); }

/// Start of row `row` of `width` elements.
inline __host__ __device__ std::size_t row_start(int row, int width) {
  return static_cast<std::size_t>(row) * static_cast<std::size_t>(width);
}
inline __host__ __device__ int divide_up(int a, int b) { return (a + b - 1) / b; }
inline dim3 grid_of(int x, int y = 1, int z = 1) {
  return {static_cast<unsigned>(x), static_cast<unsigned>(y), static_cast<unsigned>(z)};
}

}  // namespace ppplan::kernels::cuda
