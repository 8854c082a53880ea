// The CUDA backend on the doubles of runtime, cuBLASLt and execution model: whatever legal order streams take, a
// pipeline gives what one device gives. Not a run on a GPU.
#include <gtest/gtest.h>

#include <cmath>

#include "exec/host_backend.h"
#include "exec/output_distance.h"
#include "planner/input/input_error.h"
#include "tests/cuda_on_cpu/blas.h"
#include "tests/cuda_on_cpu/cuda_runs.h"
#include "tests/cuda_on_cpu/runtime.h"
#include "tests/exec/schedules.h"

namespace ppplan::tests {
namespace {

using exec::Logits;

constexpr double kDeadline_s = 30;

std::vector<Logits> pipeline_logits(const CudaCase& from, int runs = 1) {
  exec::cuda::LocalWires wires;
  exec::cuda::CudaPipeline pipeline(from.run, cuda_on_cpu::blas_calls(), wires);
  exec::cuda::StreamRun streams(from.schedule, pipeline);
  for (int run = 0; run < runs; ++run) {
    pipeline.reset();
    const traces::Timeline timeline = streams.execute(kDeadline_s);
    // Clocks of two GPUs are apart by what an event takes between them, here anything.
    if (from.run.gpus.size() > 0) expect_follows(from.schedule, timeline);
  }
  return pipeline.logits();
}

std::vector<Logits> single_logits(const CudaCase& from) {
  cuda_on_cpu::set_machine(0);
  return one_device_logits(from.run, cuda_on_cpu::blas_calls());
}

/// The model, seed and micro-batches on the host, in fp32.
std::vector<Logits> host_logits(const CudaCase& from) { return exec::one_device_outputs(exec::HostRun{from.run, {}}); }

TEST(CudaPipeline, OneDeviceIsNearTheHost) {
  // bf16 keeps 8 bits: each of some ten roundings a layer is off by up to 2^-8 of its value, and two layers add up.
  EXPECT_LT(exec::logits_distance(single_logits(prefill_case({2}, 4, 2)), host_logits(prefill_case({2}, 4, 2))), 0.05);
}

TEST(CudaPipeline, OneDeviceOfMixedLayersIsNearTheHost) {
  for (const bool decodes : {false, true}) {
    const CudaCase from = mixed_case({2}, decodes);
    EXPECT_LT(exec::logits_distance(single_logits(from), host_logits(from)), 0.05) << decodes;
  }
}

/// Of all logits, in squares: their distance from what was expected, and the size of that.
struct Squares {
  double apart = 0;
  double size = 0;
  void add(const std::vector<Logits>& outputs, const std::vector<Logits>& expected) {
    for (std::size_t k = 0; k < expected.size(); ++k)
      for (std::size_t i = 0; i < expected[k].size(); ++i) {
        apart += std::pow(outputs.at(k).at(i) - expected[k][i], 2);
        size += std::pow(expected[k][i], 2);
      }
  }
};

// The host rounds neither results nor weights: of latent attention, up to eight products a layer have rounded weights
// on the GPU, which is fewer than the twelve results that the tolerance counts for a second run in bf16. It is of the
// mean of squares; a single row of few logits may be further off.
TEST(CudaPipeline, OneDeviceOfLatentLayersIsAsFarFromTheHostAsRoundings) {
  const double tolerance = exec::rounding_tolerance(latent_case({3}, false).run.model, 1);
  for (const bool decodes : {false, true}) {
    Squares squares;
    for (std::uint64_t seed = 1; seed < 6; ++seed) {
      CudaCase from = latent_case({3}, decodes);
      from.run.seed = seed;
      for (spec::Layer& layer : from.run.model.layers) layer.feed_forward = {spec::FeedForwardKind::dense, 32};
      squares.add(single_logits(from), host_logits(from));
    }
    EXPECT_LT(std::sqrt(squares.apart / squares.size), tolerance) << decodes;
  }
}

// Rows may go to other experts there.
TEST(CudaPipeline, OneDeviceOfLatentLayersWithExpertsAgreesWithTheHost) {
  for (const bool decodes : {false, true}) {
    const CudaCase from = latent_case({3}, decodes);
    const auto apart = exec::row_distances(from.run, single_logits(from), host_logits(from));
    EXPECT_TRUE(exec::outputs_agree(from.run.model, 1, apart)) << decodes << testing::PrintToString(apart);
  }
}

TEST(CudaPipeline, LatentLayersEqualOneDevice) {
  for (const bool decodes : {false, true}) {
    const CudaCase from = latent_case({1, 1}, decodes);
    const std::vector<Logits> expected = single_logits(from);
    for (unsigned seed = 0; seed < 2; ++seed) {
      cuda_on_cpu::set_machine(seed);
      EXPECT_EQ(pipeline_logits(from, 2), expected) << decodes << " seed " << seed;
    }
    EXPECT_EQ(cuda_on_cpu::objects(), 0);
  }
}

TEST(CudaPipeline, LatentsThatNoKernelTakesAreRefused) {
  const auto refused = [](int spec::Attention::*part, int value) {
    CudaCase from = latent_case({1}, false);
    from.run.model.layers[0].attention.*part = value;
    try {
      single_logits(from);
    } catch (const input::InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(refused(&spec::Attention::kv_lora_rank, 128).find("found 128 and 32"), std::string::npos);
  EXPECT_NE(refused(&spec::Attention::nope_dim, 12).find("found 12, 8 and 0"), std::string::npos);
}

TEST(CudaPipeline, MixedLayersEqualOneDevice) {
  for (const bool decodes : {false, true}) {
    const CudaCase from = mixed_case({1, 1}, decodes);
    const std::vector<Logits> expected = single_logits(from);
    cuda_on_cpu::set_machine(11);
    EXPECT_EQ(pipeline_logits(from, 2), expected) << decodes;
  }
}

TEST(CudaPipeline, PrefillEqualsOneDevice) {
  const CudaCase from = prefill_case({1, 1}, 4, 2);
  const std::vector<Logits> expected = single_logits(from);
  for (unsigned seed = 0; seed < 5; ++seed) {
    cuda_on_cpu::set_machine(seed);
    EXPECT_EQ(pipeline_logits(from), expected) << "seed " << seed;
    EXPECT_EQ(cuda_on_cpu::objects(), 0);
  }
}

TEST(CudaPipeline, StagesOnOneGpuFollowTheSchedule) {
  CudaCase from = prefill_case({0, 1, 0}, 4, 2);
  from.run.gpus = {0, 0, 0};
  const std::vector<Logits> expected = single_logits(from);
  for (unsigned seed = 0; seed < 5; ++seed) {
    cuda_on_cpu::set_machine(seed);
    EXPECT_EQ(pipeline_logits(from), expected) << "seed " << seed;
  }
}

TEST(CudaPipeline, DecodeEqualsOneDevice) {
  const CudaCase from = decode_case({1, 1}, 2, 3, 2);
  const std::vector<Logits> expected = single_logits(from);
  for (unsigned seed = 0; seed < 5; ++seed) {
    cuda_on_cpu::set_machine(seed);
    EXPECT_EQ(pipeline_logits(from, 3), expected) << "seed " << seed;  // the second and third run are graphs
    EXPECT_EQ(cuda_on_cpu::objects(), 0);
  }
}

}  // namespace
}  // namespace ppplan::tests
