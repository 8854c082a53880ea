// The machine's own cuBLASLt and NCCL, as far as they go without a GPU, and the backend as it is linked into the
// program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <sstream>

#include "exec/cuda/nccl_library.h"
#include "exec/cuda_execution.h"
#include "kernels/cuda/blas_library.h"
#include "kernels/cuda/shared_library.h"
#if __has_include(<nccl.h>)
#include <nccl.h>
#endif

namespace ppplan::tests {
namespace {

using kernels::cuda::LibraryMissing;

#if __has_include(<nccl.h>)
static_assert(sizeof(exec::cuda::NcclId) == sizeof(ncclUniqueId));
static_assert(static_cast<int>(exec::cuda::NcclType::bytes) == ncclUint8);
static_assert(static_cast<int>(exec::cuda::NcclType::bf16) == ncclBfloat16);
static_assert(static_cast<int>(exec::cuda::NcclReduction::sum) == ncclSum);
static_assert(static_cast<int>(exec::cuda::NcclResult::success) == ncclSuccess);
static_assert(static_cast<int>(exec::cuda::NcclResult::in_progress) == ncclInProgress);
static_assert(std::is_pointer_v<ncclComm_t>);
static_assert(std::is_invocable_r_v<ncclResult_t, decltype(&ncclSend), const void*, std::size_t, ncclDataType_t, int,
                                    ncclComm_t, cudaStream_t>);
static_assert(std::is_invocable_r_v<ncclResult_t, decltype(&ncclAllReduce), const void*, void*, std::size_t,
                                    ncclDataType_t, ncclRedOp_t, ncclComm_t, cudaStream_t>);
static_assert(std::is_invocable_r_v<ncclResult_t, decltype(&ncclAllGather), const void*, void*, std::size_t,
                                    ncclDataType_t, ncclComm_t, cudaStream_t>);

// What NCCL reads of our configuration lies where it looks for it.
#define PPPLAN_SAME_PLACE(own, theirs) \
  static_assert(offsetof(exec::cuda::NcclConfig, own) == offsetof(ncclConfig_t, theirs))
PPPLAN_SAME_PLACE(size, size);
PPPLAN_SAME_PLACE(magic, magic);
PPPLAN_SAME_PLACE(version, version);
PPPLAN_SAME_PLACE(blocking, blocking);
PPPLAN_SAME_PLACE(cga_cluster_size, cgaClusterSize);
PPPLAN_SAME_PLACE(min_ctas, minCTAs);
PPPLAN_SAME_PLACE(max_ctas, maxCTAs);
PPPLAN_SAME_PLACE(net_name, netName);
PPPLAN_SAME_PLACE(split_share, splitShare);
#undef PPPLAN_SAME_PLACE
static_assert(sizeof(exec::cuda::NcclConfig) <= sizeof(ncclConfig_t));
static_assert(exec::cuda::NcclConfig::kUndefined == NCCL_CONFIG_UNDEF_INT);

TEST(CudaLibraries, OurNcclConfigStartsAsItsOwnInitializerDoes) {
  const ncclConfig_t theirs = NCCL_CONFIG_INITIALIZER;
  const exec::cuda::NcclConfig own;
  EXPECT_EQ(own.magic, theirs.magic);
  EXPECT_EQ(own.version, static_cast<unsigned>(NCCL_VERSION(2, 18, 0)));  // whose part of it this is
  EXPECT_EQ(own.blocking, theirs.blocking);
  EXPECT_EQ(own.max_ctas, theirs.maxCTAs);
  EXPECT_EQ(own.net_name, theirs.netName);
  EXPECT_EQ(own.split_share, theirs.splitShare);
}
#endif

TEST(CudaLibraries, AProgramWithTheBackendStartsWithoutThem) {
  const exec::CudaMachine machine = exec::cuda_machine();
  EXPECT_TRUE(machine.is_built);
  EXPECT_EQ(machine.devices > 0, machine.why.empty());
  if (machine.devices == 0) {
    EXPECT_THAT(machine.why, testing::StartsWith("no CUDA device"));
  }
  std::ostringstream loaded;
  loaded << std::ifstream("/proc/self/maps").rdbuf();
  for (const char* library : {"libcublasLt", "libnccl"})
    EXPECT_THAT(loaded.str(), testing::Not(testing::HasSubstr(library)));
}

TEST(CudaLibraries, CublasLtTakesTheAttributesThatProductsSet) try {
  const kernels::cuda::BlasCalls& calls = kernels::cuda::blas_library();
  cublasLtMatmulDesc_t description = nullptr;
  ASSERT_EQ(calls.cublasLtMatmulDescCreate(&description, CUBLAS_COMPUTE_32F, CUDA_R_32F), CUBLAS_STATUS_SUCCESS);
  const auto set = [&](cublasLtMatmulDescAttributes_t which, auto value) {
    EXPECT_EQ(calls.cublasLtMatmulDescSetAttribute(description, which, &value, sizeof value), CUBLAS_STATUS_SUCCESS);
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
  set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
  set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, CUDA_R_16BF);
  set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(nullptr));
  cublasLtMatmulPreference_t preference = nullptr;
  ASSERT_EQ(calls.cublasLtMatmulPreferenceCreate(&preference), CUBLAS_STATUS_SUCCESS);
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t which, auto value) {
    EXPECT_EQ(calls.cublasLtMatmulPreferenceSetAttribute(preference, which, &value, sizeof value),
              CUBLAS_STATUS_SUCCESS);
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{1} << 25);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, std::uint32_t{16});
  EXPECT_EQ(calls.cublasLtMatmulPreferenceDestroy(preference), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(calls.cublasLtMatmulDescDestroy(description), CUBLAS_STATUS_SUCCESS);
} catch (const LibraryMissing& error) {
  GTEST_SKIP() << error.what();
}

TEST(CudaLibraries, NcclTellsItsVersionAndMakesIds) try {
  const exec::cuda::NcclCalls& calls = exec::cuda::nccl_library();
  int version = 0;
  ASSERT_EQ(calls.ncclGetVersion(&version), exec::cuda::NcclResult::success);
  EXPECT_GE(version, 21000);  // 2.10
  exec::cuda::NcclId id{};
  EXPECT_EQ(calls.ncclGetUniqueId(&id), exec::cuda::NcclResult::success);
} catch (const LibraryMissing& error) {
  GTEST_SKIP() << error.what();
}

}  // namespace
}  // namespace ppplan::tests
