// What the double of the runtime is for: each way of breaking the order of streams is found under some seed.
#include "broken_runs.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/cuda_on_cpu/blas.h"
#include "tests/cuda_on_cpu/cuda_runs.h"
#include "tests/cuda_on_cpu/runtime.h"

namespace ppplan::tests {
namespace {

template <typename Run>
std::string outcome(const CudaCase& from, const std::vector<exec::Logits>& expected) {
  exec::cuda::LocalWires wires;
  exec::cuda::CudaPipeline pipeline(from.run, cuda_on_cpu::blas_calls(), wires);
  try {
    Run run(from.schedule, pipeline);
    run.execute(30);
  } catch (const std::exception& error) {
    return error.what();
  }
  return pipeline.logits() == expected ? "" : "other logits than one device";
}

/// The first seed that shows the fault; nothing when none does.
template <typename Run>
std::optional<unsigned> found_by(const CudaCase& from, unsigned seeds = 60) {
  cuda_on_cpu::set_machine(0);
  const auto expected = one_device_logits(from.run, cuda_on_cpu::blas_calls());
  for (unsigned seed = 0; seed < seeds; ++seed) {
    cuda_on_cpu::set_machine(seed);
    if (!outcome<Run>(from, expected).empty()) return seed;
  }
  return std::nullopt;
}

namespace cuda = exec::cuda;

CudaCase three_stages() { return prefill_case({1, 0, 0}, 4, 2); }

TEST(BrokenStreamRun, TheWholeOneIsNotFound) { EXPECT_EQ(found_by<cuda::StreamRun>(three_stages(), 10), std::nullopt); }

TEST(BrokenStreamRun, RemovedEventWaitsAreFound) {
  EXPECT_NE(found_by<cuda::without_wait_of_lane::StreamRun>(three_stages()), std::nullopt);
  EXPECT_NE(found_by<cuda::without_wait_of_sender::StreamRun>(three_stages()), std::nullopt);
  EXPECT_NE(found_by<cuda::without_join_of_sides::StreamRun>(three_stages()), std::nullopt);
}

TEST(BrokenStreamRun, OneReceiveBufferTooFewIsFound) {
  EXPECT_NE(found_by<cuda::with_one_buffer_too_few::StreamRun>(three_stages()), std::nullopt);
}

TEST(BrokenStreamRun, ARemovedBarrierIsFound) {
  EXPECT_NE(found_by<cuda::without_last_barrier::StreamRun>(three_stages()), std::nullopt);
}

}  // namespace
}  // namespace ppplan::tests
