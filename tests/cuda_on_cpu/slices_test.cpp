// Stages on slices of one GPU, on the doubles: disjoint, no work outside of them, the same output.
#include <cuda.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/cuda/slices_refused.h"
#include "kernels/cuda/sm_slices.h"
#include "planner/input/input_error.h"
#include "tests/cuda_on_cpu/blas.h"
#include "tests/cuda_on_cpu/cuda_runs.h"
#include "tests/cuda_on_cpu/runtime.h"

namespace ppplan::tests {
namespace {

using kernels::cuda::SlicesRefused;
using kernels::cuda::SmSlices;
using testing::ElementsAre;
using testing::HasSubstr;

/// One device of 16 multiprocessors in groups of two.
cuda_on_cpu::MachineShape one_gpu() { return {.devices = 1, .processors = 16}; }

std::string refusal(const std::vector<int>& processors) {
  try {
    const SmSlices slices(0, processors);
  } catch (const SlicesRefused& error) {
    return error.what();
  }
  return "";
}

TEST(Slices, AreRoundedUpToGroups) {
  cuda_on_cpu::set_machine(0, one_gpu());
  {
    const SmSlices slices(0, {1, 4, 5});
    ASSERT_EQ(slices.size(), 3u);
    EXPECT_EQ(slices.processors(0), 2);
    EXPECT_EQ(slices.processors(1), 4);
    EXPECT_EQ(slices.processors(2), 6);
  }
  EXPECT_EQ(cuda_on_cpu::objects(), 0);
}

TEST(Slices, MoreThanTheGpuHasIsRefused) {
  cuda_on_cpu::set_machine(0, one_gpu());
  EXPECT_EQ(refusal({8, 8}), "");
  EXPECT_THAT(refusal({8, 6, 3}), HasSubstr("a slice of 3 multiprocessors: the GPU has 16, in 8 groups, of which 1"));
  EXPECT_EQ(cuda_on_cpu::objects(), 0);
}

TEST(Slices, ADriverWithoutThemIsToldInASentence) {
  cuda_on_cpu::MachineShape shape = one_gpu();
  shape.slice_processors = 0;
  cuda_on_cpu::set_machine(0, shape);
  EXPECT_THAT(refusal({8}), HasSubstr("CUDA 12.4: this driver lacks cuDeviceGetDevResource"));
}

TEST(Slices, ACallThatFailsLeavesNothingBehind) {
  for (const char* call : {"cuDevSmResourceSplitByCount", "cuDevResourceGenerateDesc", "cuGreenCtxCreate"}) {
    cuda_on_cpu::set_machine(0, one_gpu());
    cuda_on_cpu::inject(call, 1, CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION);
    EXPECT_THROW(SmSlices(0, {2, 2}), kernels::cuda::DeviceError) << call;
    EXPECT_EQ(cuda_on_cpu::objects(), 0) << call;
  }
}

CudaCase sliced(CudaCase from, const std::vector<int>& slices) {
  from.run.slices = slices;
  return from;
}

TEST(Slices, APipelineOnThemEqualsTheWholeDevice) {
  for (const bool decodes : {false, true}) {
    const CudaCase from = sliced(decodes ? decode_case({1, 1}, 2, 3, 2) : prefill_case({1, 1}, 4, 2), {4, 10});
    cuda_on_cpu::set_machine(0, one_gpu());
    const auto expected = one_device_logits(from.run, cuda_on_cpu::blas_calls());
    for (unsigned seed = 0; seed < 5; ++seed) {
      cuda_on_cpu::set_machine(seed, one_gpu());
      exec::cuda::LocalWires wires;
      exec::cuda::CudaPipeline pipeline(from.run, cuda_on_cpu::blas_calls(), wires);
      EXPECT_THAT(pipeline.slices(), ElementsAre(4, 10));
      exec::cuda::StreamRun streams(from.schedule, pipeline);
      for (int run = 0; run < 2; ++run) {
        pipeline.reset();
        streams.execute(30);
      }
      EXPECT_EQ(pipeline.logits(), expected) << "seed " << seed;
      EXPECT_EQ(cuda_on_cpu::outside_slices(), 0);
      // Products are chosen for the slice.
      const auto choices = pipeline.choices();
      for (const auto& choice : choices[1]) EXPECT_EQ(choice.waves, 10);
    }
    EXPECT_EQ(cuda_on_cpu::objects(), 0);
  }
}

TEST(Slices, AreOneForEachStage) {
  cuda_on_cpu::set_machine(0, one_gpu());
  exec::cuda::LocalWires wires;
  EXPECT_THROW(exec::cuda::CudaPipeline(sliced(prefill_case({1, 1}, 2, 2), {4}).run, cuda_on_cpu::blas_calls(), wires),
               input::InputError);
}

}  // namespace
}  // namespace ppplan::tests
