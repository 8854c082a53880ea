#include "tools/ppplan/core_drift.h"

#include <gtest/gtest.h>

namespace ppplan::tests {
namespace {

using tools::CoreDrift;
using tools::CoreReading;

spec::Provenance noted(double core_speed) {
  spec::Provenance times;
  times.core_speed = core_speed;
  return times;
}

TEST(CoreDrift, HoldsASpeedAgainstAsManyBusyCores) {
  // Three cores did one in 6 ms each, one alone in 3 ms, so beside one other in 4.5 ms.
  spec::Provenance times = noted(1 / 6e-3);
  EXPECT_DOUBLE_EQ(tools::speed_then(times, 0), 1 / 6e-3);  // nothing known of one core alone
  times.alone_core_speed = 1 / 3e-3;
  times.busy_cores = 3;
  EXPECT_DOUBLE_EQ(tools::speed_then(times, 0), 1 / 3e-3);
  EXPECT_DOUBLE_EQ(tools::speed_then(times, 1), 1 / 4.5e-3);
  EXPECT_DOUBLE_EQ(tools::speed_then(times, 2), 1 / 6e-3);
  EXPECT_DOUBLE_EQ(tools::speed_then(times, 5), 1 / 6e-3);
}

TEST(CoreDrift, ReadsACoreBeforeAndAfterARepeat) {
  // 300 a second against 150 and 250; of 10 s, 8 s on the processor, 2 went to others.
  const CoreReading reading = tools::core_reading(300, 150, 250, {8, 10});
  EXPECT_DOUBLE_EQ(reading.slowdown, 1.5);
  EXPECT_DOUBLE_EQ(reading.share_of_others, 0.2);
  EXPECT_DOUBLE_EQ(tools::core_reading(0, 150, 250, {8, 10}).slowdown, 1);  // a profile without a speed
}

TEST(CoreDrift, IsTheMedianOverRepeatsOfEachStage) {
  const std::vector<std::vector<CoreReading>> readings{
      {{0.5, 0}, {1.5, 0.1}}, {{2, 0}, {1.5, 0.3}}, {{1, 0.5}, {1, 0.2}}};
  const CoreDrift drift = tools::core_drift(noted(2e-3), readings);
  EXPECT_EQ(drift.slowdown, (std::vector<double>{1.0, 1.5}));
  EXPECT_EQ(drift.share_of_others, (std::vector<double>{0.0, 0.2}));
  EXPECT_EQ(drift.factors(), (std::vector<double>{1.0, 1.5 / 0.8}));
}

TEST(CoreDrift, IsNotKnownWithoutASpeedInTheProfile) {
  const CoreDrift drift = tools::core_drift(noted(0), {{{1, 0}}});
  EXPECT_TRUE(drift.slowdown.empty());
  EXPECT_FALSE(drift.trusted());
  EXPECT_EQ(tools::drift_text(drift, 1), "");
}

TEST(CoreDrift, IsTrustedOnlyNearTheProfile) {
  const auto at = [](double slowdown, double share) {
    return tools::core_drift(noted(1e-3), {{{1, 0}, {slowdown, share}}});
  };
  EXPECT_TRUE(at(1.39, 0).trusted());
  EXPECT_TRUE(at(1 / 1.39, 0).trusted());
  EXPECT_FALSE(at(1.41, 0).trusted());
  EXPECT_FALSE(at(1 / 1.41, 0).trusted());
  EXPECT_TRUE(at(1.39, 0.69).trusted());
  EXPECT_FALSE(at(1, 0.71).trusted());
  EXPECT_NE(tools::drift_text(at(2, 0), 1).find("profile anew"), std::string::npos);
}

TEST(CoreDrift, SlowsEachStageByItsOwnCore) {
  spec::Plan plan;
  plan.stages.resize(2);
  plan.stages[0].end_layer = 1;
  plan.stages[1].first_layer = 1;
  plan.stages[1].end_layer = 3;
  spec::BatchTimes times;
  times.layer_s = {1, 1, 2};
  times.embedding_s = 10;
  times.head_s = 20;
  times.boundary_latency_s = {7};
  plan.times = {times};
  const spec::Plan slow = tools::slowed(plan, {2, 3});
  EXPECT_EQ(slow.times[0].layer_s, (std::vector<double>{2, 3, 6}));
  EXPECT_EQ(slow.times[0].embedding_s, 20);
  EXPECT_EQ(slow.times[0].head_s, 60);
  EXPECT_EQ(slow.times[0].boundary_latency_s, times.boundary_latency_s);
}

}  // namespace
}  // namespace ppplan::tests
