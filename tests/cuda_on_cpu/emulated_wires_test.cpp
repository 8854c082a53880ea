// Wires that take as long as those of a plan, on the doubles: not sooner, not much later, the same output.
#include "exec/cuda/emulated_wires.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "kernels/cuda/wire_clock.h"
#include "planner/input/input_error.h"
#include "tests/cuda_on_cpu/blas.h"
#include "tests/cuda_on_cpu/cuda_runs.h"
#include "tests/cuda_on_cpu/instructions.h"
#include "tests/cuda_on_cpu/runtime.h"

namespace ppplan::tests {
namespace {

using exec::WireTime;
using exec::cuda::EmulatedWires;
using exec::cuda::LocalWires;

// Activations of two stages there, [tokens, hidden] in bf16, and tokens back.
std::vector<WireTime> times_of(const CudaCase& from, double seconds) {
  std::vector<WireTime> out;
  for (const exec::MicroBatch& each : from.run.micro_batches) {
    out.push_back({0, 1, static_cast<std::size_t>(2 * each.shape.tokens() * from.run.model.hidden), seconds});
    out.push_back({1, 0, sizeof(int) * static_cast<std::size_t>(each.shape.sequences), seconds / 2});
  }
  return out;
}

TEST(WireClock, HoldsAStreamFromTheNotedTimeOn) {
  cuda_on_cpu::set_machine(0, {.devices = 1});
  const kernels::cuda::DeviceScope scope(0);
  const kernels::cuda::Stream stream = kernels::cuda::make_stream();
  const kernels::cuda::DeviceArray<unsigned long long> began(1);
  for (const unsigned long long nanoseconds : {0ULL, 1ULL, 700ULL, 123'456ULL}) {
    kernels::cuda::note_time(began.data(), stream);
    PPPLAN_CHECK(cudaStreamSynchronize(stream));
    const unsigned long long from = cuda_on_cpu::global_time_ns();
    kernels::cuda::hold_since(began.data(), nanoseconds, stream);
    PPPLAN_CHECK(cudaStreamSynchronize(stream));
    const unsigned long long took = cuda_on_cpu::global_time_ns() - from;
    EXPECT_GE(took + 64, nanoseconds);  // two looks later than noted
    EXPECT_LE(took, nanoseconds + 1000);
  }
}

TEST(EmulatedWires, KeepTheOutputAndHoldEveryMessage) {
  for (const bool decodes : {false, true}) {
    const CudaCase from = decodes ? decode_case({1, 1}, 2, 3, 2) : prefill_case({1, 1}, 4, 2);
    cuda_on_cpu::set_machine(0, {.devices = 2});
    const auto expected = one_device_logits(from.run, cuda_on_cpu::blas_calls());
    constexpr double kSeconds = 20e-6;
    const std::vector<WireTime> times = times_of(from, kSeconds);
    // The messages of an edge go one after another, and nothing else moves the double's clock.
    const double least_ns = 1e9 * kSeconds * static_cast<double>(from.run.micro_batches.size());
    for (unsigned seed = 0; seed < 5; ++seed) {
      cuda_on_cpu::set_machine(seed, {.devices = 2});
      {
        LocalWires carriers;
        EmulatedWires wires(times, exec::cuda::gpus_of(from.run), carriers);
        exec::cuda::CudaPipeline pipeline(from.run, cuda_on_cpu::blas_calls(), wires);
        exec::cuda::StreamRun streams(from.schedule, pipeline);
        const unsigned long long began = cuda_on_cpu::global_time_ns();
        streams.execute(30);
        EXPECT_GE(static_cast<double>(cuda_on_cpu::global_time_ns() - began), least_ns);
        EXPECT_EQ(pipeline.logits(), expected) << "seed " << seed;
      }
      EXPECT_EQ(cuda_on_cpu::objects(), 0);
    }
  }
}

TEST(EmulatedWires, WithoutTimesMessagesTakeWhatTheyTake) {
  const CudaCase from = prefill_case({1, 1}, 2, 2);
  cuda_on_cpu::set_machine(0, {.devices = 2});
  LocalWires carriers;
  EmulatedWires wires({}, {0, 1}, carriers);
  exec::cuda::CudaPipeline pipeline(from.run, cuda_on_cpu::blas_calls(), wires);
  exec::cuda::StreamRun streams(from.schedule, pipeline);
  const unsigned long long began = cuda_on_cpu::global_time_ns();
  streams.execute(30);
  EXPECT_EQ(cuda_on_cpu::global_time_ns(), began + 32);  // nobody looked
}

TEST(EmulatedWires, AMessageWithoutATimeIsRefused) {
  const CudaCase from = prefill_case({1, 1}, 2, 2);
  cuda_on_cpu::set_machine(0, {.devices = 2});
  LocalWires carriers;
  EmulatedWires wires({{0, 1, 7, 1e-6}}, {0, 1}, carriers);
  exec::cuda::CudaPipeline pipeline(from.run, cuda_on_cpu::blas_calls(), wires);
  exec::cuda::StreamRun streams(from.schedule, pipeline);
  EXPECT_THROW(streams.execute(30), input::InputError);
}

TEST(EmulatedWires, ATimeIsAtLeastZeroAndFinite) {
  cuda_on_cpu::set_machine(0, {.devices = 2});
  LocalWires carriers;
  for (const double seconds :
       {-1e-9, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
    EXPECT_THROW(EmulatedWires({{0, 1, 8, seconds}}, {0, 1}, carriers), input::InputError) << seconds;
}

}  // namespace
}  // namespace ppplan::tests
