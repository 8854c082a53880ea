// What stages are said to take is what they take.
#include "exec/cuda/stage_memory.h"

#include <gtest/gtest.h>

#include "tests/cuda_on_cpu/blas.h"
#include "tests/cuda_on_cpu/cuda_runs.h"
#include "tests/cuda_on_cpu/nccl.h"
#include "tests/cuda_on_cpu/runtime.h"

namespace ppplan::tests {
namespace {

/// Every stage on a device of its own, so that the double tells them apart.
void expect_exact(CudaCase from) {
  const int stages = static_cast<int>(from.run.stages.size());
  cuda_on_cpu::set_machine(0, {.devices = stages});
  from.run.gpus = exec::cuda::gpus_of(from.run);
  const std::vector<exec::StageMemory> told = exec::cuda::stage_memory(from.run);
  EXPECT_EQ(cuda_on_cpu::taken_bytes(0), 0u) << "asking takes memory";
  exec::cuda::LocalWires wires;
  const exec::cuda::CudaPipeline pipeline(from.run, cuda_on_cpu::blas_calls(), wires);
  for (int s = 0; s < stages; ++s)
    EXPECT_EQ(told[static_cast<std::size_t>(s)].needed_bytes(), static_cast<std::int64_t>(cuda_on_cpu::taken_bytes(s)))
        << "stage " << s;
}

TEST(StageMemory, IsWhatThePipelineTakes) {
  expect_exact(prefill_case({1, 2}, 4, 2));
  expect_exact(prefill_case({2, 1, 1}, 3, 0));
  expect_exact(decode_case({1, 1}, 2, 3, 2));
  expect_exact(decode_case({2}, 2, 3, 2));
}

TEST(StageMemory, IsExactForExpertsBiasesAndNorms) {
  expect_exact(mixed_case({1, 1}, false));
  expect_exact(mixed_case({2, 1}, true));
}

TEST(StageMemory, IsExactForLatents) {
  expect_exact(latent_case({1, 2}, false));
  expect_exact(latent_case({2, 1}, true));
}

TEST(StageMemory, IsExactForARanksPart) {
  for (const int stage : {0, 1})
    for (const int rank : {0, 1}) {
      CudaCase from = stage == rank ? decode_case({1, 1}, 2, 3, 2) : latent_case({1, 1}, true);
      cuda_on_cpu::set_machine(0);
      from.run.model.vocabulary = 47;  // no multiple of the ranks
      from.run.only_stage = stage;
      from.run.gpus = {0, 0};
      const exec::TensorRank part{rank, 2};
      const std::vector<exec::StageMemory> told = exec::cuda::stage_memory(from.run, part);
      ASSERT_EQ(told.size(), 1u);
      exec::cuda::LocalWires wires;
      exec::cuda::TensorGroup group(cuda_on_cpu::nccl_calls(), part);
      const exec::cuda::CudaPipeline pipeline(from.run, cuda_on_cpu::blas_calls(), wires, &group);
      EXPECT_EQ(told[0].needed_bytes(), static_cast<std::int64_t>(cuda_on_cpu::taken_bytes(0))) << "stage " << stage;
    }
}

TEST(StageMemory, IsExactWithoutLogits) {
  CudaCase from = prefill_case({1, 1}, 4, 2);
  from.run.keeps_logits = false;
  expect_exact(from);
}

TEST(StageMemory, UnrelatedMicroBatchesShareCaches) {
  CudaCase from = prefill_case({1}, 2, 2);
  const auto bytes = [&] {
    from.run.gpus = {0};
    return exec::cuda::stage_memory(from.run).front().cache_bytes;
  };
  cuda_on_cpu::set_machine(0);
  // 16 tokens in one page: keys and values of one head of 64, 2 bytes each.
  constexpr int kPage = 16 * 2 * 64 * 2;
  from.run.micro_batches = {{{1, 3, 20, false}, -1}, {{1, 7, 0, false}, -1}, {{4, 1, 5, false}, -1}};
  EXPECT_EQ(bytes(), (2 + 1 + 4) * kPage);  // 23 and 7 tokens of one sequence each, 6 of four
  from.run.unrelated = true;
  EXPECT_EQ(bytes(), (2 + 4) * kPage);
}

}  // namespace
}  // namespace ppplan::tests
