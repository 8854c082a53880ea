#include "exec/cuda/nccl_library.h"

#include "kernels/cuda/shared_library.h"

namespace ppplan::exec::cuda {
namespace {

NcclCalls load() {
  const kernels::cuda::SharedLibrary library(
      {"NCCL", "PPPLAN_NCCL", {"libnccl.so.2", "/usr/local/cuda/lib64/libnccl.so.2"}, "NCCL 2 (libnccl2)"});
  NcclCalls calls;
  library.find("ncclGetVersion", calls.ncclGetVersion);
  library.find("ncclGetUniqueId", calls.ncclGetUniqueId);
  library.find("ncclCommInitRank", calls.ncclCommInitRank);
  library.find("ncclCommInitRankConfig", calls.ncclCommInitRankConfig);
  library.find("ncclCommFinalize", calls.ncclCommFinalize);
  library.find("ncclCommDestroy", calls.ncclCommDestroy);
  library.find("ncclCommAbort", calls.ncclCommAbort);
  library.find("ncclCommGetAsyncError", calls.ncclCommGetAsyncError);
  library.find("ncclGroupStart", calls.ncclGroupStart);
  library.find("ncclGroupEnd", calls.ncclGroupEnd);
  library.find("ncclSend", calls.ncclSend);
  library.find("ncclRecv", calls.ncclRecv);
  library.find("ncclAllReduce", calls.ncclAllReduce);
  library.find("ncclAllGather", calls.ncclAllGather);
  library.find("ncclGetErrorString", calls.ncclGetErrorString);
  library.find("ncclGetLastError", calls.ncclGetLastError);
  return calls;
}

}  // namespace

const NcclCalls& nccl_library() {
  static const NcclCalls calls = load();
  return calls;
}

}  // namespace ppplan::exec::cuda
