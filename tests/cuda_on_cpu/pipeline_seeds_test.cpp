// One device's logits from every pipeline, whatever legal order its streams take, for PPPLAN_SEEDS orders of each.
#include <gtest/gtest.h>

#include "exec/cuda/nccl_wires.h"
#include "tests/cuda_on_cpu/blas.h"
#include "tests/cuda_on_cpu/cuda_runs.h"
#include "tests/cuda_on_cpu/nccl.h"
#include "tests/cuda_on_cpu/runtime.h"

namespace ppplan::tests {
namespace {

struct Seeded {
  const char* name;
  CudaCase (*make)();
  bool nccl;
  int runs;  // from the second on they are graphs
};

class CudaPipelineSeeds : public testing::TestWithParam<Seeded> {};

std::vector<exec::Logits> outputs(const CudaCase& from, exec::cuda::Wires& wires, int runs) {
  exec::cuda::CudaPipeline pipeline(from.run, cuda_on_cpu::blas_calls(), wires);
  exec::cuda::StreamRun streams(from.schedule, pipeline);
  for (int run = 0; run < runs; ++run) {
    pipeline.reset();
    streams.execute(60);
  }
  return pipeline.logits();
}

TEST_P(CudaPipelineSeeds, EveryOrderGivesOneDevicesLogits) {
  const CudaCase from = GetParam().make();
  cuda_on_cpu::set_machine(0);
  const auto expected = one_device_logits(from.run, cuda_on_cpu::blas_calls());
  for (unsigned seed = 0; seed < PPPLAN_SEEDS; ++seed) {
    cuda_on_cpu::set_machine(seed);
    exec::cuda::LocalWires copies;
    exec::cuda::NcclWires nccl(cuda_on_cpu::nccl_calls());
    if (GetParam().nccl) connect_all(nccl, from);
    exec::cuda::Wires& wires = GetParam().nccl ? static_cast<exec::cuda::Wires&>(nccl) : copies;
    ASSERT_EQ(outputs(from, wires, GetParam().runs), expected) << "seed " << seed;
    ASSERT_EQ(cuda_on_cpu::objects(), 0) << "seed " << seed;
    ASSERT_EQ(cuda_on_cpu::dropped(), 0) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, CudaPipelineSeeds,
                         testing::Values(Seeded{"PrefillByCopies",
                                                [] {
                                                  return prefill_case({0, 1, 0}, 4, 2);
                                                },
                                                false, 1},
                                         Seeded{"PrefillByNccl",
                                                [] {
                                                  return prefill_case({0, 1, 0}, 4, 2);
                                                },
                                                true, 1},
                                         Seeded{"DecodeOfOneBufferAsGraphs",
                                                [] {
                                                  return decode_case({1, 0}, 2, 2, 1);
                                                },
                                                false, 2},
                                         Seeded{"DecodeByNccl",
                                                [] {
                                                  return decode_case({0, 1}, 2, 2, 2);
                                                },
                                                true, 1}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace ppplan::tests
