#include "kernels/cuda/driver_calls.h"

#if PPPLAN_HAS_GREEN_CONTEXTS

namespace ppplan::kernels::cuda {
namespace {

constexpr unsigned kWithGreenContexts = 12040;  // the release that brought them

template <typename Function>
void find(const char* name, Function& function) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult answer = cudaDriverEntryPointSymbolNotFound;
  const cudaError_t status =
      cudaGetDriverEntryPointByVersion(name, &found, kWithGreenContexts, cudaEnableDefault, &answer);
  if (status != cudaSuccess || answer != cudaDriverEntryPointSuccess || found == nullptr) {
    cudaGetLastError();
    throw SlicesRefused(
        std::string("slices of a GPU need green contexts, which came with CUDA 12.4: this driver lacks ") + name);
  }
  function = reinterpret_cast<Function>(found);
}

}  // namespace

DriverCalls driver_calls() {
  DriverCalls calls;
  find("cuGetErrorName", calls.cuGetErrorName);
  find("cuDeviceGet", calls.cuDeviceGet);
  find("cuDeviceGetDevResource", calls.cuDeviceGetDevResource);
  find("cuDevSmResourceSplitByCount", calls.cuDevSmResourceSplitByCount);
  find("cuDevResourceGenerateDesc", calls.cuDevResourceGenerateDesc);
  find("cuGreenCtxCreate", calls.cuGreenCtxCreate);
  find("cuGreenCtxDestroy", calls.cuGreenCtxDestroy);
  find("cuGreenCtxStreamCreate", calls.cuGreenCtxStreamCreate);
  return calls;
}

void check(const DriverCalls& calls, CUresult result, const char* call, const std::source_location& place) {
  if (result == CUDA_SUCCESS) return;
  const char* name = nullptr;
  calls.cuGetErrorName(result, &name);
  throw DeviceError(call, name != nullptr ? name : "CUresult " + std::to_string(static_cast<int>(result)), place);
}

}  // namespace ppplan::kernels::cuda

#endif
