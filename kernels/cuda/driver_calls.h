// The calls of the driver that slices of a GPU need (green contexts, CUDA 12.4 and newer), looked up through the
// runtime, so that nothing links the driver's library and the program starts without one.
#pragma once

#include <cuda.h>

#include <source_location>

#include "kernels/cuda/slices_refused.h"
#include "kernels/cuda/status.h"

namespace ppplan::kernels::cuda {

// The toolkit's headers have what a build needs of green contexts.
#if CUDA_VERSION >= 12050
#define PPPLAN_HAS_GREEN_CONTEXTS 1
struct DriverCalls {
  decltype(&::cuGetErrorName) cuGetErrorName = nullptr;
  decltype(&::cuDeviceGet) cuDeviceGet = nullptr;
  decltype(&::cuDeviceGetDevResource) cuDeviceGetDevResource = nullptr;
  decltype(&::cuDevSmResourceSplitByCount) cuDevSmResourceSplitByCount = nullptr;
  decltype(&::cuDevResourceGenerateDesc) cuDevResourceGenerateDesc = nullptr;
  decltype(&::cuGreenCtxCreate) cuGreenCtxCreate = nullptr;
  decltype(&::cuGreenCtxDestroy) cuGreenCtxDestroy = nullptr;
  decltype(&::cuGreenCtxStreamCreate) cuGreenCtxStreamCreate = nullptr;
};

/// Throws SlicesRefused where the driver lacks one.
DriverCalls driver_calls();

/// Throws DeviceError with the driver's word for the result, unless it succeeded.
void check(const DriverCalls& calls, CUresult result, const char* call,
           const std::source_location& place = std::source_location::current());
#else
#define PPPLAN_HAS_GREEN_CONTEXTS 0
#endif

}  // namespace ppplan::kernels::cuda

/// PPPLAN_CHECK_DRIVER(calls, cuDeviceGet(...)): check() with the text of the call.
#define PPPLAN_CHECK_DRIVER(calls, call) ::ppplan::kernels::cuda::check(calls, (calls).call, #call)
