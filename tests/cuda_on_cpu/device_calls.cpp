// What the double's devices tell of themselves.
#include <cuda_runtime_api.h>

#include <cstring>

#include "tests/cuda_on_cpu/queues.h"

namespace {

using namespace ppplan::cuda_on_cpu;

cudaError_t told(const char* call, int device) {
  const MachineLock lock;
  if (const int error = runtime().enter(call); error != 0) return static_cast<cudaError_t>(error);
  return device >= 0 && device < runtime().shape.devices ? cudaSuccess : cudaErrorInvalidDevice;
}

}  // namespace

extern "C" {

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* out, int device) {
  const cudaError_t status = told("cudaGetDeviceProperties", device);
  if (status != cudaSuccess) return status;
  *out = {};
  std::strncpy(out->name, kDeviceName, sizeof out->name - 1);
  out->totalGlobalMem = runtime().shape.memory_bytes;
  out->multiProcessorCount = runtime().shape.processors;
  out->l2CacheSize = kL2Bytes;
  out->pciBusID = device;
  return cudaSuccess;
}
// No release of CUDA has these numbers.
cudaError_t cudaDriverGetVersion(int* version) {
  *version = 0;
  return told("cudaDriverGetVersion", 0);
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 0;
  return told("cudaRuntimeGetVersion", 0);
}
// Devices reach each other as over PCIe.
cudaError_t cudaDeviceGetP2PAttribute(int* value, cudaDeviceP2PAttr, int, int to) {
  *value = 0;
  return told("cudaDeviceGetP2PAttribute", to);
}

}  // extern "C"
