// The critical path explains the makespan.
#include <gtest/gtest.h>

#include "planner/report/bubble_report.h"
#include "tests/report/example_schedules.h"
#include "tests/report/report_of.h"

namespace ppplan::report {
namespace {

using traces::OpKind;

using tests::report_of;

TEST(CriticalPath, IsContiguousFromZeroToTheMakespanWhenPredicted) {
  tests::Random random(21);
  for (int round = 0; round < 300; ++round) {
    const BubbleReport report = report_of(tests::random_schedule(random));
    double now = 0;
    double length = 0;
    for (const PathStep& step : report.critical_path) {
      EXPECT_EQ(step.start_s, now);
      now = step.end_s;
      length += step.end_s - step.start_s;
    }
    EXPECT_EQ(now, report.makespan_s);
    EXPECT_NEAR(length, report.makespan_s, 1e-12 * report.makespan_s);
  }
}

TEST(CriticalPath, IsInTimeOrderWhenMeasured) {
  tests::Random random(22);
  for (int round = 0; round < 300; ++round) {
    const auto schedule = tests::random_schedule(random);
    const auto timeline = tests::measured_like(schedule, random);
    const BubbleReport report = bubble_report(schedule, timeline, schedule::own_seconds(schedule));
    ASSERT_FALSE(report.critical_path.empty());
    EXPECT_EQ(report.critical_path.back().end_s, report.makespan_s);
    for (std::size_t i = 1; i < report.critical_path.size(); ++i)
      EXPECT_GE(report.critical_path[i].start_s, report.critical_path[i - 1].end_s - 1e-12);
  }
}

TEST(CriticalPath, RunsThroughTheSlowStageAndTheTransfers) {
  // Stage 0 (3 s) is never idle: all its computes, then the last transfer and the last compute of stage 1.
  const BubbleReport report = report_of(tests::forward({3, 1}, 0.5, 3));
  std::vector<std::pair<OpKind, int>> found;
  for (const PathStep& step : report.critical_path) found.emplace_back(step.key.kind, step.key.micro_batch);
  const std::vector<std::pair<OpKind, int>> expected = {
      {OpKind::forward, 0}, {OpKind::forward, 1}, {OpKind::forward, 2}, {OpKind::send, 2}, {OpKind::forward, 2}};
  EXPECT_EQ(found, expected);
  EXPECT_EQ(report.critical_path[3].device, 0);  // a transfer is reported as its Send
}

TEST(CriticalPath, GoesThroughTheReceiveBufferThatWasNotFree) {
  // One buffer, stages of 1 s and 5 s, transfers of 1 s: micro-batch 1 may leave only when stage 1 has consumed
  // micro-batch 0 at 7; it arrives at 8 and ends at 13.
  const auto schedule = schedule::forward_stream(tests::shape_of(2, 1), {tests::costs_of({1, 5}, 1)}, {0, 0});
  const BubbleReport report = report_of(schedule);
  EXPECT_DOUBLE_EQ(report.makespan_s, 13);
  std::vector<double> ends;
  for (const PathStep& step : report.critical_path) ends.push_back(step.end_s);
  EXPECT_EQ(ends, (std::vector<double>{1, 2, 7, 8, 13}));
}

}  // namespace
}  // namespace ppplan::report
