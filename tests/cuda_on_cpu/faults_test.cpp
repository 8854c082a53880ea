// The CUDA backend when calls fail, on the doubles: the message ends with what was called, and nothing is left behind.
#include <cuda_runtime_api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "exec/cuda/nccl_wires.h"
#include "kernels/cuda/shared_library.h"
#include "tests/cuda_on_cpu/blas.h"
#include "tests/cuda_on_cpu/cuda_runs.h"
#include "tests/cuda_on_cpu/nccl.h"
#include "tests/cuda_on_cpu/runtime.h"

namespace ppplan::tests {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::StartsWith;

/// "" when all went well.
std::string outcome(const CudaCase& from, double deadline_s = 30) {
  try {
    exec::cuda::NcclWires wires(cuda_on_cpu::nccl_calls());
    connect_all(wires, from);
    exec::cuda::CudaPipeline pipeline(from.run, cuda_on_cpu::blas_calls(), wires);
    exec::cuda::StreamRun streams(from.schedule, pipeline);
    for (int run = 0; run < 2; ++run) {
      pipeline.reset();
      streams.execute(deadline_s);
    }
    pipeline.logits();
    wires.close();
    return "";
  } catch (const std::exception& error) {
    return error.what();
  }
}

/// Stages on GPUs 0, 0 and 1: messages are copies and NCCL's.
CudaCase small_case() {
  CudaCase out = decode_case({0, 1, 0}, 1, 2, 2);
  out.run.gpus = {0, 0, 1};
  return out;
}

const std::set<std::string> kCalls = {"cudaGetDeviceCount",
                                      "cudaGetDevice",
                                      "cudaSetDevice",
                                      "cudaDeviceGetAttribute",
                                      "cudaDeviceGetStreamPriorityRange",
                                      "cudaMalloc",
                                      "cudaStreamCreateWithPriority",
                                      "cudaStreamSynchronize",
                                      "cudaStreamWaitEvent",
                                      "cudaEventCreateWithFlags",
                                      "cudaEventRecord",
                                      "cudaEventQuery",
                                      "cudaEventElapsedTime",
                                      "cudaMemcpyAsync",
                                      "cudaStreamBeginCapture",
                                      "cudaStreamEndCapture",
                                      "cudaGraphInstantiate",
                                      "cudaGraphLaunch",
                                      "kernel launch",
                                      "cublasLtCreate",
                                      "cublasLtMatmul",
                                      "cublasLtMatmulDescCreate",
                                      "cublasLtMatmulDescSetAttribute",
                                      "cublasLtMatrixLayoutCreate",
                                      "cublasLtMatmulPreferenceCreate",
                                      "cublasLtMatmulPreferenceSetAttribute",
                                      "cublasLtMatmulAlgoGetHeuristic",
                                      "ncclGetUniqueId",
                                      "ncclCommInitRankConfig",
                                      "ncclCommGetAsyncError",
                                      "ncclGroupStart",
                                      "ncclGroupEnd",
                                      "ncclSend",
                                      "ncclCommFinalize",
                                      "ncclRecv"};

TEST(CudaFaults, AFailedCallIsNamedAndLeavesNothing) {
  cuda_on_cpu::set_machine(0);
  ASSERT_EQ(outcome(small_case()), "");
  std::map<std::string, int> counts;
  for (const std::string& call : kCalls) counts[call] = cuda_on_cpu::calls(call);
  for (const auto& [call, count] : counts) {
    ASSERT_GT(count, 0) << call;
    for (const int nth : std::set{0, count / 2}) {
      cuda_on_cpu::set_machine(0);
      cuda_on_cpu::inject(call, nth, 3);
      EXPECT_THAT(outcome(small_case()), HasSubstr(call)) << "call " << nth << " of " << count;
      EXPECT_EQ(cuda_on_cpu::objects(), 0) << call;
    }
  }
}

TEST(CudaFaults, AFailedCallOfCopiesBetweenGpusIsNamed) {
  const CudaCase from = decode_case({0, 1, 0}, 1, 2, 2);
  for (const std::string call : {"cudaDeviceCanAccessPeer", "cudaDeviceEnablePeerAccess", "cudaMemcpyPeerAsync"}) {
    cuda_on_cpu::set_machine(0);
    cuda_on_cpu::inject(call, 0, 3);
    try {
      exec::cuda::LocalWires wires;
      exec::cuda::CudaPipeline pipeline(from.run, cuda_on_cpu::blas_calls(), wires);
      exec::cuda::StreamRun(from.schedule, pipeline).execute(30);
      ADD_FAILURE() << call;
    } catch (const kernels::cuda::DeviceError& error) {
      EXPECT_THAT(error.what(), StartsWith(call));
    }
    EXPECT_EQ(cuda_on_cpu::objects(), 0);
  }
}

TEST(CudaFaults, MessagesNameThePlace) {
  cuda_on_cpu::set_machine(0);
  cuda_on_cpu::inject("cudaMalloc", 5, cudaErrorMemoryAllocation);
  EXPECT_THAT(outcome(small_case()),
              AllOf(StartsWith("cudaMalloc("), HasSubstr("cudaErrorMemoryAllocation"), HasSubstr("owners.h:")));
}

TEST(CudaFaults, AKernelThatFailsIsTold) {
  for (const int nth : {0, 7}) {
    cuda_on_cpu::set_machine(static_cast<unsigned>(nth));
    cuda_on_cpu::inject_fault(nth);
    EXPECT_THAT(outcome(small_case()),
                AnyOf(HasSubstr("cudaErrorLaunchFailure"), HasSubstr("CUBLAS_STATUS_EXECUTION_FAILED")));
    EXPECT_EQ(cuda_on_cpu::objects(), 0);
  }
}

/// The receiver of the second message never comes.
exec::cuda::NcclCalls without_second_receive() {
  static int receives;
  receives = 0;
  exec::cuda::NcclCalls calls = cuda_on_cpu::nccl_calls();
  calls.ncclRecv = [](void* to, std::size_t count, exec::cuda::NcclType type, int peer, exec::cuda::NcclComm comm,
                      cudaStream_t stream) {
    if (receives++ == 1) return exec::cuda::NcclResult::success;
    return cuda_on_cpu::nccl_calls().ncclRecv(to, count, type, peer, comm, stream);
  };
  return calls;
}

TEST(CudaFaults, AMessageThatNobodyReceivesEndsAtTheDeadline) {
  const CudaCase from = prefill_case({0, 0}, 2, 2);
  cuda_on_cpu::set_machine(3);
  const exec::cuda::NcclCalls calls = without_second_receive();
  {
    exec::cuda::NcclWires wires(calls);
    connect_all(wires, from);
    exec::cuda::CudaPipeline pipeline(from.run, cuda_on_cpu::blas_calls(), wires);
    exec::cuda::StreamRun streams(from.schedule, pipeline);
    try {
      streams.execute(0.05);
      ADD_FAILURE() << "it ends";
    } catch (const kernels::cuda::DeviceError& error) {
      EXPECT_THAT(error.what(), HasSubstr("send of micro-batch 1 on stage 0 has not ended 0.05 s after"));
    }
  }
  EXPECT_GT(cuda_on_cpu::dropped(), 0);
  EXPECT_EQ(cuda_on_cpu::objects(), 0);
}

std::string refusal(const CudaCase& from) {
  exec::cuda::LocalWires wires;
  try {
    const exec::cuda::CudaPipeline pipeline(from.run, cuda_on_cpu::blas_calls(), wires);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

TEST(CudaFaults, NoDeviceIsNoPlaceForAStage) {
  cuda_on_cpu::set_machine(0, {.devices = 0});
  EXPECT_THAT(refusal(small_case()), HasSubstr("cudaGetDeviceCount"));
  cuda_on_cpu::set_machine(0, {.devices = 1});
  EXPECT_THAT(refusal(small_case()), HasSubstr("GPUs of this machine"));
  EXPECT_EQ(cuda_on_cpu::objects(), 0);
}

TEST(SharedLibraries, AMissingOneIsToldInASentence) {
  setenv("PPPLAN_GHOST", "/nonexistent/libghost.so", 1);
  try {
    const kernels::cuda::SharedLibrary library({"Ghost", "PPPLAN_GHOST", {"libghost.so"}, "the ghost package"});
    FAIL();
  } catch (const kernels::cuda::LibraryMissing& error) {
    EXPECT_THAT(error.what(), AllOf(StartsWith("Ghost was not found (tried /nonexistent/libghost.so"),
                                    HasSubstr("install the ghost package, or name the file in PPPLAN_GHOST")));
  }
}

}  // namespace
}  // namespace ppplan::tests
