// Calls of CUDA's libraries that fail throw what was called, what it answered and where.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <source_location>
#include <stdexcept>
#include <string>

namespace ppplan::kernels::cuda {

class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  /// "CALL: ANSWER, at FILE:LINE".
  DeviceError(const std::string& call, const std::string& answer, const std::source_location& place)
      : std::runtime_error(call + ": " + answer + ", at " + place.file_name() + ":" + std::to_string(place.line())) {}
};

/// Throws DeviceError unless it succeeded; the error is then no longer the runtime's last one.
inline void check(cudaError_t status, const char* call,
                  const std::source_location& place = std::source_location::current()) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  throw DeviceError(call, std::string(cudaGetErrorString(status)) + " (" + cudaGetErrorName(status) + ")", place);
}

/// Without the library's own names: it may not be loaded.
inline std::string status_name(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_ARCH_MISMATCH:
      return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR:
      return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
    default:
      return "cublasStatus_t " + std::to_string(static_cast<int>(status));
  }
}

inline void check(cublasStatus_t status, const char* call,
                  const std::source_location& place = std::source_location::current()) {
  if (status != CUBLAS_STATUS_SUCCESS) throw DeviceError(call, status_name(status), place);
}

}  // namespace ppplan::kernels::cuda

/// PPPLAN_CHECK(cudaStreamSynchronize(stream)): check() with the text of the call.
#define PPPLAN_CHECK(call) ::ppplan::kernels::cuda::check((call), #call)
