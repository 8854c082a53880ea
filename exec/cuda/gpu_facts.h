// What a measurement's readers want to know about the GPU and the libraries that it was taken with.
#pragma once

#include <map>
#include <string>

#include "exec/cuda/nccl_library.h"
#include "kernels/cuda/blas_library.h"

namespace ppplan::exec::cuda {

/// As the driver calls it: "NVIDIA H100 80GB HBM3".
std::string gpu_name(int gpu);
/// Bytes of its second-level cache.
std::int64_t l2_bytes(int gpu);

/// "gpu", "gpu_bus_id", "gpu_memory_bytes", "gpu_processors", "compute_capability", "gpu_peak_clock_hz" and
/// "gpu_peak_memory_clock_hz" (as the driver allows them), "l2_bytes", "cuda_driver" and "cuda_runtime" (versions of
/// CUDA), "driver" (its own number, where the kernel tells it), "cublaslt", and "nccl" where `nccl` is given. Throws
/// DeviceError.
std::map<std::string, std::string> gpu_facts(int gpu, const kernels::cuda::BlasCalls& blas, const NcclCalls* nccl);

}  // namespace ppplan::exec::cuda
