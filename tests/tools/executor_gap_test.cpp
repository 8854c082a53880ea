// Time that a run loses besides its operations, on timelines worked out by hand.
#include "tools/ppplan/executor_gap.h"

#include <gtest/gtest.h>

#include "planner/schedule/longest_path.h"
#include "tests/exec/schedules.h"

namespace ppplan::tests {
namespace {

/// Two stages of 1 s, messages of 0.5 s, two micro-batches.
schedule::Schedule two_stages() { return forward_schedule(2, 2, 2, 1.0, 0.5); }

traces::Timeline timeline() {
  const schedule::Schedule schedule = two_stages();
  return schedule::longest_path(schedule, schedule::own_seconds(schedule));
}

TEST(ExecutorGap, IsNothingOnTheLongestPath) {
  // Compute 0-1, message 1-1.5, compute 1.5-2.5; the second one behind it ends at 3.5.
  ASSERT_DOUBLE_EQ(traces::makespan_s(timeline()), 3.5);
  EXPECT_NEAR(tools::executor_gap_fraction(two_stages(), {timeline()}), 0, 1e-12);
}

TEST(ExecutorGap, CountsWaitingThatTheOrderDoesNotAskFor) {
  traces::Timeline late = timeline();
  // Everything behind the first compute comes 0.5 s late: 4 s where 3.5 s would do.
  for (traces::Span& span : late.spans) {
    if (span.start_s < 1) continue;
    span.start_s += 0.5;
    span.end_s += 0.5;
  }
  EXPECT_NEAR(tools::executor_gap_fraction(two_stages(), {late}), 0.5 / 4, 1e-12);
}

TEST(ExecutorGap, LongerOperationsAreNoGap) {
  traces::Timeline slow = timeline();
  for (traces::Span& span : slow.spans) {
    span.start_s *= 2;
    span.end_s *= 2;
  }
  EXPECT_NEAR(tools::executor_gap_fraction(two_stages(), {slow}), 0, 1e-12);
}

TEST(ExecutorGap, IsTheMedianOfTheRuns) {
  traces::Timeline late = timeline();
  for (traces::Span& span : late.spans) {
    if (span.start_s < 1) continue;
    span.start_s += 0.5;
    span.end_s += 0.5;
  }
  EXPECT_NEAR(tools::executor_gap_fraction(two_stages(), {late, timeline(), timeline()}), 0, 1e-12);
}

}  // namespace
}  // namespace ppplan::tests
