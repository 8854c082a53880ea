// Tensor-parallel ranks broken on purpose: a sum or a gathering that nobody waits for, or an event wait that is gone,
// is found under some seed.
#include "tests/cuda_on_cpu/broken_group.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "broken_runs.h"
#include "exec/output_distance.h"
#include "tests/cuda_on_cpu/runtime.h"
#include "tests/cuda_on_cpu/turn_ranks.h"

namespace ppplan::tests {
namespace {

std::string left_out;  // the call whose wait is gone

struct WithoutWaitFor {
  explicit WithoutWaitFor(const char* call) { left_out = call; }
  ~WithoutWaitFor() { left_out.clear(); }
};

template <typename Run>
std::string outcome(const CudaCase& from, const std::vector<exec::Logits>& expected) {
  TurnRanks<Run> ranks(from, 2);
  try {
    const auto apart = exec::row_distances(from.run, ranks.run(30), expected);
    return exec::outputs_agree(from.run.model, 2, apart) ? "" : "other logits";
  } catch (const std::exception& error) {
    return error.what();
  }
}

/// The first seed that shows the fault; nothing when none does.
template <typename Run = exec::cuda::StreamRun>
std::optional<unsigned> found_by(const CudaCase& from, unsigned seeds = 60) {
  cuda_on_cpu::set_machine(0);
  const auto expected = one_device_logits(from.run, cuda_on_cpu::blas_calls());
  for (unsigned seed = 0; seed < seeds; ++seed) {
    cuda_on_cpu::set_machine(seed, {.devices = 2 * stages_of(from)});
    if (!outcome<Run>(from, expected).empty()) return seed;
  }
  return std::nullopt;
}

CudaCase two_stages() { return decode_case({1, 1}, 2, 2, 2); }

TEST(BrokenTensorGroup, TheWholeOneIsNotFound) { EXPECT_EQ(found_by(two_stages(), 10), std::nullopt); }

TEST(BrokenTensorGroup, ASumThatNobodyWaitsForIsFound) {
  const WithoutWaitFor call("ncclAllReduce");
  EXPECT_NE(found_by(two_stages()), std::nullopt);
}

TEST(BrokenTensorGroup, AGatheringThatNobodyWaitsForIsFound) {
  const WithoutWaitFor call("ncclAllGather");
  EXPECT_NE(found_by(two_stages()), std::nullopt);
}

TEST(BrokenTensorGroup, RemovedEventWaitsAreFound) {
  EXPECT_NE(found_by<exec::cuda::without_wait_of_lane::StreamRun>(two_stages()), std::nullopt);
  EXPECT_NE(found_by<exec::cuda::without_wait_of_sender::StreamRun>(two_stages()), std::nullopt);
}

}  // namespace

bool leaves_out_wait_for(std::string_view call) { return call == left_out; }

}  // namespace ppplan::tests
