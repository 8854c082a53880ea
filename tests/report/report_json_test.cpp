// The documents hold the fields that readers rely on.
#include "planner/report/report_json.h"

#include <gtest/gtest.h>

#include "tests/report/example_schedules.h"

namespace ppplan::report {
namespace {

TEST(ReportJson, HoldsEveryFieldOfTheDocument) {
  const auto schedule = tests::forward({3, 1}, 0.5, 3);
  const auto alone = schedule::own_seconds(schedule);
  const input::Json json = to_json(bubble_report(schedule, schedule::longest_path(schedule, alone), alone));
  EXPECT_EQ(json.begin().key(), "format");
  EXPECT_EQ(json.at("format"), "ppplan/report/1");
  EXPECT_EQ(json.at("makespan_s"), 10.5);
  for (const char* key : {"bubble_fraction", "span_bubble_fraction", "balance", "lower_bound_s", "steady_rate_per_s"})
    EXPECT_TRUE(json.at(key).is_number()) << key;
  ASSERT_EQ(json.at("stages").size(), 2u);
  const input::Json& stage = json.at("stages")[1];
  EXPECT_EQ(stage.at("name"), "stage 1");
  EXPECT_EQ(stage.at("busy_s"), 3);
  EXPECT_EQ(stage.at("idle_s"), 7.5);
  EXPECT_EQ(stage.at("warmup_idle_s"), 3.5);
  EXPECT_EQ(stage.at("drain_idle_s"), 0);
  EXPECT_EQ(stage.at("imbalance_idle_s"), 3);
  EXPECT_EQ(stage.at("communication_wait_s"), 1);
  EXPECT_EQ(stage.at("peak_activations"), 1);
  EXPECT_TRUE(stage.at("peak_activation_bytes").is_number());
  const input::Json& step = json.at("critical_path").back();
  EXPECT_EQ(step.at("kind"), "forward");
  EXPECT_EQ(step.at("device"), 1);
  EXPECT_EQ(step.at("end_s"), 10.5);
}

TEST(ComparisonJson, HoldsBothSidesOfEveryStage) {
  const auto schedule = tests::forward({2, 1}, 0, 4);
  const auto timeline = schedule::longest_path(schedule, schedule::own_seconds(schedule));
  const input::Json json = to_json(compare(schedule, timeline, {&timeline, 1}));
  EXPECT_EQ(json.at("predicted").at("makespan_s"), 9);
  for (const char* key : {"median", "min", "max"}) EXPECT_EQ(json.at("measured").at("makespan_s").at(key), 9);
  EXPECT_EQ(json.at("measured").at("bubble_fraction"), json.at("predicted").at("bubble_fraction"));
  EXPECT_EQ(json.at("error_fraction"), 0);
  EXPECT_EQ(json.at("stages")[0].at("predicted").at("busy_s"), 8);
  EXPECT_EQ(json.at("stages")[1].at("measured").at("idle_s"), 5);
}

}  // namespace
}  // namespace ppplan::report
