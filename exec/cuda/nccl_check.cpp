#include "exec/cuda/nccl_library.h"

namespace ppplan::exec::cuda {

void check(const NcclCalls& calls, NcclResult result, const char* call, const std::source_location& place) {
  if (result == NcclResult::success || result == NcclResult::in_progress) return;
  const std::string last = calls.ncclGetLastError(nullptr);
  throw kernels::cuda::DeviceError(
      call, std::string(calls.ncclGetErrorString(result)) + (last.empty() ? "" : " (" + last + ")"), place);
}

}  // namespace ppplan::exec::cuda
