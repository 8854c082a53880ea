// Kernels that broken.cmake breaks on purpose: the checks that the real ones pass find each of them within a few orders
// of threads. That is what the checks are worth.
#include <gtest/gtest.h>

#include <string>

#include "tests/cuda_on_cpu/checks.h"
#include "tests/cuda_on_cpu/execution.h"

namespace ppplan::kernels::cuda {

// One declaration in the namespace of each broken copy, of the type that the real operation has.
#define PPPLAN_BROKEN(copy, ...) \
  namespace copy {               \
  void __VA_ARGS__;              \
  }
PPPLAN_BROKEN(argmax_without_barrier, argmax(const Bf16*, int, int, int*, cudaStream_t))
PPPLAN_BROKEN(argmax_wrong_index, argmax(const Bf16*, int, int, int*, cudaStream_t))
PPPLAN_BROKEN(rms_norm_wrong_head, rms_norm(const Bf16*, const Bf16*, float, const NormRows&, Bf16*, cudaStream_t))
PPPLAN_BROKEN(sort_without_last_barrier,
              sort_by_expert(const int*, int, int, int, int*, int*, int*, int*, cudaStream_t))
PPPLAN_BROKEN(sort_barrier_in_branch, sort_by_expert(const int*, int, int, int, int*, int*, int*, int*, cudaStream_t))
PPPLAN_BROKEN(rope_stored_unrotated, rope_store_kv(Bf16*, const int*, const int*, const float*, const float*, int,
                                                   const AttentionShape&, const PagedKv&, cudaStream_t))
PPPLAN_BROKEN(prefill_sees_one_more, prefill_attention(const Bf16*, int, const int*, int, const AttentionShape&,
                                                       const PagedKv&, const PagedBatch&, Bf16*, cudaStream_t))
PPPLAN_BROKEN(prefill_without_key_wait, prefill_attention(const Bf16*, int, const int*, int, const AttentionShape&,
                                                          const PagedKv&, const PagedBatch&, Bf16*, cudaStream_t))
PPPLAN_BROKEN(prefill_without_value_barrier, prefill_attention(const Bf16*, int, const int*, int, const AttentionShape&,
                                                               const PagedKv&, const PagedBatch&, Bf16*, cudaStream_t))
PPPLAN_BROKEN(decode_without_barrier, decode_attention(const Bf16*, int, const AttentionShape&, const PagedKv&,
                                                       const PagedBatch&, int, float*, Bf16*, cudaStream_t))
PPPLAN_BROKEN(decode_loses_a_warp, decode_attention(const Bf16*, int, const AttentionShape&, const PagedKv&,
                                                    const PagedBatch&, int, float*, Bf16*, cudaStream_t))
PPPLAN_BROKEN(latent_without_last_barrier,
              latent_attention(const Bf16*, const int*, int, const LatentShape&, const PagedLatents&, const PagedBatch&,
                               Bf16*, cudaStream_t))
PPPLAN_BROKEN(latent_sees_one_less, latent_attention(const Bf16*, const int*, int, const LatentShape&,
                                                     const PagedLatents&, const PagedBatch&, Bf16*, cudaStream_t))
PPPLAN_BROKEN(latent_forgets_its_scale, latent_attention(const Bf16*, const int*, int, const LatentShape&,
                                                         const PagedLatents&, const PagedBatch&, Bf16*, cudaStream_t))
PPPLAN_BROKEN(grouped_without_step_wait,
              grouped_linear(const Bf16*, const int*, const Bf16*, const int*, int, int, int, int, Bf16*, cudaStream_t))
PPPLAN_BROKEN(grouped_without_last_barrier,
              grouped_linear(const Bf16*, const int*, const Bf16*, const int*, int, int, int, int, Bf16*, cudaStream_t))
PPPLAN_BROKEN(grouped_takes_the_next_expert,
              grouped_linear(const Bf16*, const int*, const Bf16*, const int*, int, int, int, int, Bf16*, cudaStream_t))
#undef PPPLAN_BROKEN

}  // namespace ppplan::kernels::cuda

namespace ppplan::tests {
namespace {

namespace cuda = kernels::cuda;

constexpr unsigned kSeeds = 40;

/// The first difference or fault that the check finds, "" when it finds none.
std::string found_by(Check check, const CudaOperations& operations) {
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    try {
      const std::string difference = check(operations, seed);
      if (!difference.empty()) return difference;
    } catch (const cuda_on_cpu::ExecutionError& error) {
      return error.what();
    }
  }
  return "";
}

TEST(BrokenCudaKernels, RemovedBarriersAreFound) {
  EXPECT_NE(found_by(check_argmax, {.argmax = &cuda::argmax_without_barrier::argmax}), "");
  EXPECT_NE(found_by(check_sort_by_expert, {.sort_by_expert = &cuda::sort_without_last_barrier::sort_by_expert}), "");
  EXPECT_NE(
      found_by(check_prefill_attention, {.prefill_attention = &cuda::prefill_without_value_barrier::prefill_attention}),
      "");
  EXPECT_NE(found_by(check_decode_attention, {.decode_attention = &cuda::decode_without_barrier::decode_attention}),
            "");
  EXPECT_NE(found_by(check_grouped_linear, {.grouped_linear = &cuda::grouped_without_last_barrier::grouped_linear}),
            "");
  EXPECT_NE(
      found_by(check_latent_attention, {.latent_attention = &cuda::latent_without_last_barrier::latent_attention}), "");
}

TEST(BrokenCudaKernels, WrongSoftmaxOfLatentsIsFound) {
  EXPECT_NE(found_by(check_latent_attention, {.latent_attention = &cuda::latent_sees_one_less::latent_attention}), "");
  EXPECT_NE(found_by(check_latent_attention, {.latent_attention = &cuda::latent_forgets_its_scale::latent_attention}),
            "");
}

TEST(BrokenCudaKernels, ARemovedWaitForACopyIsFound) {
  EXPECT_NE(
      found_by(check_prefill_attention, {.prefill_attention = &cuda::prefill_without_key_wait::prefill_attention}), "");
  EXPECT_NE(found_by(check_grouped_linear, {.grouped_linear = &cuda::grouped_without_step_wait::grouped_linear}), "");
}

TEST(BrokenCudaKernels, ABarrierInABranchIsReportedAndDoesNotHang) {
  const std::string found =
      found_by(check_sort_by_expert, {.sort_by_expert = &cuda::sort_barrier_in_branch::sort_by_expert});
  EXPECT_NE(found.find("wait in"), std::string::npos) << found;
  EXPECT_NE(found.find("ended"), std::string::npos) << found;
}

TEST(BrokenCudaKernels, WrongIndicesAreFound) {
  EXPECT_NE(found_by(check_argmax, {.argmax = &cuda::argmax_wrong_index::argmax}), "");
  EXPECT_NE(found_by(check_rms_norm, {.rms_norm = &cuda::rms_norm_wrong_head::rms_norm}), "");
  EXPECT_NE(found_by(check_rope_store_kv, {.rope_store_kv = &cuda::rope_stored_unrotated::rope_store_kv}), "");
  EXPECT_NE(found_by(check_prefill_attention, {.prefill_attention = &cuda::prefill_sees_one_more::prefill_attention}),
            "");
  EXPECT_NE(found_by(check_decode_attention, {.decode_attention = &cuda::decode_loses_a_warp::decode_attention}), "");
  EXPECT_NE(found_by(check_grouped_linear, {.grouped_linear = &cuda::grouped_takes_the_next_expert::grouped_linear}),
            "");
}

}  // namespace
}  // namespace ppplan::tests
