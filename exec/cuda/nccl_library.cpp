#include "exec/cuda/nccl_library.h"

#include "kernels/cuda/shared_library.h"

namespace ppplan::exec::cuda {
namespace {

NcclCalls load() {
  const kernels::cuda::SharedLibrary library(
      {"NCCL", "PPPLAN_NCCL", {"libnccl.so.2", "/usr/local/cuda/lib64/libnccl.so.2"}, "NCCL 2 (libnccl2)"});
  NcclCalls calls;
  library.find("ncclGetVersion", calls.get_version);
  library.find("ncclGetUniqueId", calls.get_unique_id);
  library.find("ncclCommInitRank", calls.comm_init_rank);
  library.find("ncclCommDestroy", calls.comm_destroy);
  library.find("ncclCommAbort", calls.comm_abort);
  library.find("ncclCommGetAsyncError", calls.comm_get_async_error);
  library.find("ncclGroupStart", calls.group_start);
  library.find("ncclGroupEnd", calls.group_end);
  library.find("ncclSend", calls.send);
  library.find("ncclRecv", calls.recv);
  library.find("ncclGetErrorString", calls.get_error_string);
  library.find("ncclGetLastError", calls.get_last_error);
  return calls;
}

}  // namespace

const NcclCalls& nccl_library() {
  static const NcclCalls calls = load();
  return calls;
}

void check(const NcclCalls& calls, NcclResult result, const char* call, const std::source_location& place) {
  if (result == NcclResult::success) return;
  const std::string last = calls.get_last_error(nullptr);
  throw kernels::cuda::DeviceError(
      call, std::string(calls.get_error_string(result)) + (last.empty() ? "" : " (" + last + ")"), place);
}

}  // namespace ppplan::exec::cuda
