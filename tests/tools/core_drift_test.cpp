#include "tools/ppplan/core_drift.h"

#include <gtest/gtest.h>

namespace ppplan::tests {
namespace {

using tools::CoreDrift;
using tools::CoreReading;

TEST(CoreDrift, IsTheMedianOverRepeatsOfEachStage) {
  // Profiled at 2 ms. Stage 0: 1, 2, 4 ms -> 2 / 2; stage 1: 3, 3, 2 ms -> 3 / 2, and 0.1, 0.3, 0.2 went to others.
  const std::vector<std::vector<CoreReading>> readings{
      {{1e-3, 0}, {3e-3, 0.1}}, {{4e-3, 0}, {3e-3, 0.3}}, {{2e-3, 0.5}, {2e-3, 0.2}}};
  const CoreDrift drift = tools::core_drift(readings, 2e-3);
  EXPECT_EQ(drift.slowdown, (std::vector<double>{1.0, 1.5}));
  EXPECT_EQ(drift.share_of_others, (std::vector<double>{0.0, 0.2}));
  EXPECT_EQ(drift.factors(), (std::vector<double>{1.0, 1.5 / 0.8}));
}

TEST(CoreDrift, IsNotKnownWithoutAYardstickInTheProfile) {
  const CoreDrift drift = tools::core_drift({{{1e-3, 0}}}, 0);
  EXPECT_TRUE(drift.slowdown.empty());
  EXPECT_FALSE(drift.trusted());
  EXPECT_EQ(tools::drift_text(drift, 1), "");
}

TEST(CoreDrift, IsTrustedOnlyNearTheProfile) {
  const auto at = [](double yardstick_s, double share) {
    return tools::core_drift({{{1e-3, 0}, {yardstick_s, share}}}, 1e-3);
  };
  EXPECT_TRUE(at(1.39e-3, 0).trusted());
  EXPECT_TRUE(at(1e-3 / 1.39, 0).trusted());
  EXPECT_FALSE(at(1.41e-3, 0).trusted());
  EXPECT_FALSE(at(1e-3 / 1.41, 0).trusted());
  EXPECT_FALSE(at(1.2e-3, 0.2).trusted());  // 1.5 in all
  EXPECT_NE(tools::drift_text(at(2e-3, 0), 1).find("profile anew"), std::string::npos);
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
