// Replayed durations must come out as planned also on a busy machine with fewer cores than stages: that is what the
// replay mode promises, so its makespan is compared here, by the median of repeats.
#include <gtest/gtest.h>

#include <algorithm>

#include "exec/replay_backend.h"
#include "planner/schedule/longest_path.h"
#include "tests/exec/schedules.h"

namespace ppplan::tests {
namespace {

TEST(ReplayScale, BringsTheDurationAmidTheWorkUp) {
  EXPECT_DOUBLE_EQ(exec::replay_scale({0, 1e-3, 2e-3, 1e-4}), 5.0);  // 2 of the 3.1 ms are spent in one of 2 ms
  EXPECT_DOUBLE_EQ(exec::replay_scale({0, 1e-3, 2e-3, 1e-4}, 6e-3), 3.0);
  EXPECT_DOUBLE_EQ(exec::replay_scale({1e-3, 1e-3, 1e-3, 2e-3}), 10.0);  // 2 of 5 ms, then 3 of 5 at 1 ms
  EXPECT_DOUBLE_EQ(exec::replay_scale({1e-6, 1e-6, 1e-6, 1e-2}), 1.0);  // many short ones beside a long one
  EXPECT_DOUBLE_EQ(exec::replay_scale({1.0, 2.0}), 1.0);                // never below 1
  EXPECT_DOUBLE_EQ(exec::replay_scale({0, 0}), 1.0);
}

// Stages of 4 to 11 ms at scale 1 and transfers of 1 ms, 8 stages and 32 micro-batches.
schedule::Schedule uneven_pipeline() {
  schedule::MicroBatchCosts costs = equal_costs(8, 0, 1e-3);
  for (std::size_t stage = 0; stage < 8; ++stage) costs.stage_s[stage] = 4e-3 + 1e-3 * static_cast<double>(stage);
  return schedule::forward_stream(pipeline_shape(8, 2), {costs}, std::vector<int>(32, 0));
}

TEST(ReplayBackend, EightStagesOfThirtyTwoMicroBatchesTakeTheLongestPath) {
  const schedule::Schedule schedule = uneven_pipeline();
  const std::vector<double> durations = schedule::own_seconds(schedule);
  const double scale = 2.0;
  const double expected = scale * makespan_s(schedule::longest_path(schedule, durations));
  std::vector<double> measured;
  for (int repeat = 0; repeat < 5; ++repeat) {
    exec::ReplayBackend backend(durations, scale);
    const traces::Timeline timeline = run_schedule(schedule, backend);
    expect_follows(schedule, timeline);
    measured.push_back(makespan_s(timeline));
  }
  std::sort(measured.begin(), measured.end());
  RecordProperty("relative_error", std::to_string(measured[2] / expected - 1));
  EXPECT_GE(measured[0], expected);  // a wait never ends early
  EXPECT_LE(measured[2], 1.05 * expected);
  std::cout << "makespan over longest path: median " << measured[2] / expected << ", worst " << measured[4] / expected
            << "\n";
}

}  // namespace
}  // namespace ppplan::tests
