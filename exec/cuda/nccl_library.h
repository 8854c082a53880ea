// The calls of NCCL that transfers use, as a table: loaded from the machine's library at run time (218 MB that no
// package of ours brings along), or a double's in the tests.
//
// The types are those of NCCL's C interface, written down here so that a build needs no nccl.h; they have been the same
// since NCCL 2.18. Source: nccl.h 2.28.9, against which a test holds them.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <limits>
#include <source_location>
#include <string>

#include "kernels/cuda/status.h"

namespace ppplan::exec::cuda {

enum class NcclResult : int { success = 0, in_progress = 7 };
enum class NcclType : int { bytes = 1, bf16 = 9 };  // ncclUint8, ncclBfloat16
enum class NcclReduction : int { sum = 0 };
using NcclComm = void*;  // ncclComm_t
struct NcclId {          // ncclUniqueId
  char internal[128];
};
/// The part of ncclConfig_t that NCCL 2.18 had: a newer one takes it by its size and version.
struct NcclConfig {
  static constexpr int kUndefined = std::numeric_limits<int>::min();
  std::size_t size = sizeof(NcclConfig);
  unsigned magic = 0xcafebeef;
  unsigned version = 21800;
  int blocking = kUndefined;
  int cga_cluster_size = kUndefined;
  int min_ctas = kUndefined;
  int max_ctas = kUndefined;
  const char* net_name = nullptr;
  int split_share = kUndefined;
};

struct NcclCalls {
  NcclResult (*ncclGetVersion)(int* version) = nullptr;
  NcclResult (*ncclGetUniqueId)(NcclId* id) = nullptr;
  NcclResult (*ncclCommInitRank)(NcclComm* comm, int ranks, NcclId id, int rank) = nullptr;
  NcclResult (*ncclCommInitRankConfig)(NcclComm* comm, int ranks, NcclId id, int rank, NcclConfig* config) = nullptr;
  NcclResult (*ncclCommFinalize)(NcclComm comm) = nullptr;
  NcclResult (*ncclCommDestroy)(NcclComm comm) = nullptr;
  NcclResult (*ncclCommAbort)(NcclComm comm) = nullptr;
  NcclResult (*ncclCommGetAsyncError)(NcclComm comm, NcclResult* error) = nullptr;
  NcclResult (*ncclGroupStart)() = nullptr;
  NcclResult (*ncclGroupEnd)() = nullptr;
  NcclResult (*ncclSend)(const void* from, std::size_t count, NcclType type, int peer, NcclComm comm,
                         cudaStream_t stream) = nullptr;
  NcclResult (*ncclRecv)(void* to, std::size_t count, NcclType type, int peer, NcclComm comm,
                         cudaStream_t stream) = nullptr;
  NcclResult (*ncclAllReduce)(const void* from, void* to, std::size_t count, NcclType type, NcclReduction reduction,
                              NcclComm comm, cudaStream_t stream) = nullptr;
  NcclResult (*ncclAllGather)(const void* from, void* to, std::size_t count, NcclType type, NcclComm comm,
                              cudaStream_t stream) = nullptr;
  const char* (*ncclGetErrorString)(NcclResult result) = nullptr;
  const char* (*ncclGetLastError)(NcclComm comm) = nullptr;
};

/// Of this machine, loaded once a process. Throws LibraryMissing.
const NcclCalls& nccl_library();

/// Throws DeviceError with the call's text, NCCL's word for the result and its last message, unless it succeeded or, as
/// calls on a communicator that doesn't block may, goes on.
void check(const NcclCalls& calls, NcclResult result, const char* call,
           const std::source_location& place = std::source_location::current());

}  // namespace ppplan::exec::cuda

/// PPPLAN_CHECK_NCCL(calls, ncclSend(...)): check() with the text of the call.
#define PPPLAN_CHECK_NCCL(calls, call) ::ppplan::exec::cuda::check(calls, (calls).call, #call)
