// Every second of every device is accounted for, in the right place.
#include <gtest/gtest.h>

#include "planner/report/bubble_report.h"
#include "tests/report/example_schedules.h"
#include "tests/report/report_of.h"

namespace ppplan::report {
namespace {

using tests::report_of;

void expect_complete(const BubbleReport& report) {
  double busy = 0;
  for (const StageReport& stage : report.stages) {
    for (const double part :
         {stage.busy_s, stage.warmup_idle_s, stage.drain_idle_s, stage.imbalance_idle_s, stage.communication_wait_s})
      EXPECT_GE(part, 0);
    EXPECT_NEAR(stage.busy_s + stage.idle_s(), report.makespan_s, 1e-12 * report.makespan_s);
    busy += stage.busy_s;
  }
  const double offered = static_cast<double>(report.stages.size()) * report.makespan_s;
  EXPECT_NEAR(report.bubble_fraction, 1 - busy / offered, 1e-12);
}

TEST(IdleParts, SumToIdleOnRandomPredictedTimelines) {
  tests::Random random(11);
  for (int round = 0; round < 300; ++round) expect_complete(report_of(tests::random_schedule(random)));
}

TEST(IdleParts, SumToIdleOnMeasuredTimelines) {
  tests::Random random(12);
  for (int round = 0; round < 300; ++round) {
    const auto schedule = tests::random_schedule(random);
    expect_complete(bubble_report(schedule, tests::measured_like(schedule, random), schedule::own_seconds(schedule)));
  }
}

TEST(IdleParts, EqualStagesOnlyFillAndDrain) {
  // p = 4, m = 6, c = 2: stage i starts at 2 i and ends 2 (3 - i) before the end at 2 (4 - 1 + 6) = 18.
  const BubbleReport report = report_of(tests::forward({2, 2, 2, 2}, 0, 6));
  EXPECT_DOUBLE_EQ(report.makespan_s, 18);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_DOUBLE_EQ(report.stages[i].busy_s, 12);
    EXPECT_DOUBLE_EQ(report.stages[i].warmup_idle_s, 2.0 * static_cast<double>(i));
    EXPECT_DOUBLE_EQ(report.stages[i].drain_idle_s, 2.0 * static_cast<double>(3 - i));
    EXPECT_DOUBLE_EQ(report.stages[i].imbalance_idle_s, 0);
    EXPECT_DOUBLE_EQ(report.stages[i].communication_wait_s, 0);
  }
  EXPECT_DOUBLE_EQ(report.bubble_fraction, 3.0 / 9.0);  // (p - 1) / (m + p - 1)
  EXPECT_DOUBLE_EQ(report.span_bubble_fraction, 0);
  EXPECT_DOUBLE_EQ(report.balance, 1);
}

TEST(IdleParts, AGapIsImbalanceUntilTheProducerEndsAndCommunicationAfterIt) {
  // Stage 0 computes [0,3], [3,6], [6,9]; each output takes 0.5. Stage 1 (1 s) runs [3.5,4.5], [6.5,7.5], [9.5,10.5].
  // Each of its two gaps lasts 2: the producer still computes for 1.5 of it, the data travels for 0.5.
  const BubbleReport report = report_of(tests::forward({3, 1}, 0.5, 3));
  EXPECT_DOUBLE_EQ(report.makespan_s, 10.5);
  EXPECT_DOUBLE_EQ(report.stages[1].warmup_idle_s, 3.5);
  EXPECT_DOUBLE_EQ(report.stages[1].imbalance_idle_s, 3);
  EXPECT_DOUBLE_EQ(report.stages[1].communication_wait_s, 1);
  EXPECT_DOUBLE_EQ(report.stages[1].drain_idle_s, 0);
  EXPECT_DOUBLE_EQ(report.stages[0].drain_idle_s, 1.5);
  EXPECT_DOUBLE_EQ(report.balance, (9.0 + 3.0) / 2 / 9.0);
}

TEST(IdleParts, ADecodeLoopWaitsForItsTokens) {
  // One cohort, two stages of 1 s, 0.25 s forth, 0.5 s back. Stage 0 runs [0,1] and, after stage 1's [1.25,2.25] and
  // the return, [2.75,3.75]: of its gap of 1.75 the last stage still had to compute for 1.25, the tokens travelled for
  // 0.5.
  const auto schedule = schedule::decode_rounds(tests::shape_of(2), {tests::costs_of({1, 1}, 0.25, 0.5)}, 2);
  const BubbleReport report = report_of(schedule);
  EXPECT_DOUBLE_EQ(report.stages[0].imbalance_idle_s, 1.25);
  EXPECT_DOUBLE_EQ(report.stages[0].communication_wait_s, 0.5);
  // Stage 1 idles [2.25, 4.0]: stage 0 computes until 3.75.
  EXPECT_DOUBLE_EQ(report.stages[1].imbalance_idle_s, 1.5);
  EXPECT_DOUBLE_EQ(report.stages[1].communication_wait_s, 0.25);
}

TEST(IdleParts, ABlockedSendIsCommunication) {
  // The compute of stage 0 waits for its previous send, whose producer (itself) had ended: [0,1], send [1,3], [3,4].
  auto shape = tests::shape_of(2);
  shape.send_blocks_next = true;
  const BubbleReport report = report_of(schedule::forward_stream(shape, {tests::costs_of({1, 1}, 2)}, {0, 0}));
  EXPECT_DOUBLE_EQ(report.stages[0].communication_wait_s, 2);
  EXPECT_DOUBLE_EQ(report.stages[0].imbalance_idle_s, 0);
}

TEST(IdleParts, ADeviceWithoutComputeOnlyWarmsUp) {
  schedule::Schedule schedule;
  schedule.devices = {{"stage 0", {0}, {}}, {"spare", {1}, {}}};
  add_compute(schedule, 0, {}, 2, {});
  const BubbleReport report = report_of(schedule);
  EXPECT_DOUBLE_EQ(report.stages[1].warmup_idle_s, 2);
  EXPECT_DOUBLE_EQ(report.stages[1].idle_s(), 2);
  EXPECT_DOUBLE_EQ(report.span_bubble_fraction, 0);
}

TEST(IdleParts, ComputeThatOverlapsInAGroupCountsOnce) {
  schedule::Schedule schedule;
  schedule.devices = {{"stage 0", {0}, {}}};
  for (int m = 0; m < 2; ++m) {
    add_compute(schedule, 0, {.micro_batch = m}, 1.0 + m, {});
    schedule.ops.back().group = 0;
  }
  const BubbleReport report = report_of(schedule);  // [0,1] and [0,2]
  EXPECT_DOUBLE_EQ(report.makespan_s, 2);
  EXPECT_DOUBLE_EQ(report.stages[0].busy_s, 2);
  EXPECT_DOUBLE_EQ(report.bubble_fraction, 0);
}

}  // namespace
}  // namespace ppplan::report
