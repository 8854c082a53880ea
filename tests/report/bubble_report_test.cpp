// Figures of a whole run, and what a report refuses.
#include "planner/report/bubble_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/input/input_error.h"
#include "tests/report/example_schedules.h"
#include "tests/report/report_of.h"

namespace ppplan::report {
namespace {

using testing::HasSubstr;

using tests::report_of;

TEST(BubbleReport, OneForwardOneBackwardHasTheKnownBubble) {
  // p = 4, m = 8, F = 1, B + W = 2: makespan (m + p - 1)(F + B + W) = 33, work 24 on each stage.
  const BubbleReport report = report_of(tests::one_forward_one_backward(4, 8, {{}}));
  EXPECT_DOUBLE_EQ(report.makespan_s, 33);
  EXPECT_DOUBLE_EQ(report.bubble_fraction, 9.0 / 33);  // (p - 1)(F + BW) / makespan
  // Stage 0 spans the whole run, 33; the largest work is 24.
  EXPECT_DOUBLE_EQ(report.span_bubble_fraction, 9.0 / 33);
  EXPECT_DOUBLE_EQ(report.lower_bound_s, 33);
}

TEST(BubbleReport, SteadyRateIsThatOfTheSlowestStage) {
  // Exits of stage 1 follow stage 0's 3 s: at 4, 7, ..., so 1/3 micro-batch per second.
  EXPECT_DOUBLE_EQ(report_of(tests::forward({3, 1}, 0, 5)).steady_rate_per_s, 1.0 / 3);
  EXPECT_DOUBLE_EQ(report_of(tests::forward({3, 1}, 0, 2)).steady_rate_per_s, 0);
}

TEST(BubbleReport, SteadyRatesOfReplicasAddUp) {
  schedule::Schedule schedule;
  schedule.devices = {{"replica 0", {0}, {}}, {"replica 1", {1}, {}}};
  for (int m = 0; m < 4; ++m)
    for (int r = 0; r < 2; ++r) add_compute(schedule, r, {.micro_batch = m, .replica = r}, r + 1.0, {});
  EXPECT_DOUBLE_EQ(report_of(schedule).steady_rate_per_s, 1.0 + 0.5);
}

TEST(BubbleReport, NamesTheOperationThatATimelineLacks) {
  const auto schedule = tests::forward({1, 1}, 0, 3);
  const auto alone = schedule::own_seconds(schedule);
  auto timeline = schedule::longest_path(schedule, alone);
  std::erase_if(timeline.spans, [](const traces::Span& span) {
    return span.key == traces::OpKey{.kind = traces::OpKind::forward, .stage = 1, .micro_batch = 2};
  });
  timeline.origin = "measured on the host backend";
  try {
    bubble_report(schedule, timeline, alone);
    FAIL() << "no error";
  } catch (const input::InputError& error) {
    EXPECT_STREQ(
        error.what(),
        "timeline (measured on the host backend): expected a span for the forward of micro-batch 2 on stage 1 on "
        "device 1, found none");
  }
}

TEST(BubbleReport, SpansOfOtherOperationsAreLeftOut) {
  const auto schedule = tests::forward({1, 1}, 0, 3);
  const auto alone = schedule::own_seconds(schedule);
  auto timeline = schedule::longest_path(schedule, alone);
  const BubbleReport before = bubble_report(schedule, timeline, alone);
  timeline.spans.push_back({0, {.kind = traces::OpKind::update}, 0.25, 0.5, 0});
  EXPECT_EQ(bubble_report(schedule, timeline, alone), before);
}

TEST(BubbleReport, DurationsMustBeThoseOfTheSchedule) {
  const auto schedule = tests::forward({1, 1}, 0, 3);
  const auto timeline = schedule::longest_path(schedule, schedule::own_seconds(schedule));
  EXPECT_THROW(bubble_report(schedule, timeline, {1.0}), input::InputError);
}

TEST(BubbleReport, OfAnEmptyScheduleIsEmpty) {
  const BubbleReport report = bubble_report({}, {}, {});
  EXPECT_EQ(report.makespan_s, 0);
  EXPECT_EQ(report.bubble_fraction, 0);
  EXPECT_TRUE(report.critical_path.empty());
}

TEST(BubbleReport, CostsLittleMoreThanSorting) {
  // 64 stages and 2,000 micro-batches are 380,000 operations; quadratic work on them would not end within the test's
  // limit.
  const auto schedule = tests::forward(std::vector<double>(64, 1.0), 0, 2000);
  const BubbleReport report = report_of(schedule);
  EXPECT_DOUBLE_EQ(report.makespan_s, 2063);
  EXPECT_DOUBLE_EQ(report.lower_bound_s, 2063);
}

}  // namespace
}  // namespace ppplan::report
