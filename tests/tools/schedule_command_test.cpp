// ppplan schedule: named training orders, as a user asks for them.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/tools/command.h"

namespace ppplan::tests {
namespace {

using Json = nlohmann::json;

TEST(ScheduleCommand, ReportsBothRatesAndTheBound) {
  const Outcome outcome = ppplan("schedule --kind zb-h2 --stages 4 --micro-batches 8 --format json");
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json report = Json::parse(outcome.out);
  // 8 x 3 of work; the last rank starts after three forwards, and the span of every rank has no idle time.
  EXPECT_EQ(report.at("makespan_s"), 27);
  EXPECT_EQ(report.at("span_s"), 24);
  EXPECT_EQ(report.at("lower_bound_s"), 27);
  EXPECT_NEAR(report.at("span_bubble_fraction").get<double>(), 0, 1e-12);
  EXPECT_NEAR(report.at("barrier_bubble_fraction").get<double>(), 3.0 / 27, 1e-12);
  EXPECT_EQ(report.at("peak_micro_batches"), (std::vector<int>(4, 7)));
}

TEST(ScheduleCommand, AutoReachesTheBarrierBoundWithRoomForTwoPipelines) {
  for (const auto& [p, m] : {std::pair{2, 4}, {4, 8}, {4, 12}, {8, 16}}) {
    const Outcome outcome = ppplan(
        "schedule --kind auto --format json --forward 10 --backward 12 --weight 8 --comm 1 --stages " +
        std::to_string(p) + " --micro-batches " + std::to_string(m) + " --memory-limit " + std::to_string(2 * p));
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const Json report = Json::parse(outcome.out);
    // (p - 1)(F + c) before the last rank starts, then m (F + B + W) without a pause.
    const double bound_s = (p - 1) * 11 + m * 30;
    EXPECT_NEAR(report.at("makespan_s").get<double>(), bound_s, 1e-9 * bound_s) << p << " " << m;
    EXPECT_NEAR(report.at("bound_s").get<double>(), bound_s, 1e-9 * bound_s) << p << " " << m;
    EXPECT_NEAR(report.at("gap").get<double>(), 0, 1e-9) << p << " " << m;
    EXPECT_NEAR(report.at("barrier_bubble_fraction").get<double>(), 1 - 30 * m / bound_s, 1e-9) << p << " " << m;
    EXPECT_TRUE(report.contains("span_bubble_fraction"));
  }
}

TEST(ScheduleCommand, EveryKindPrintsBothRatesAndTheBound) {
  for (const char* kind :
       {"gpipe", "1f1b", "interleaved", "group-interleaved", "looped-bfs", "zb-h1", "zb-h2", "zbv-torch", "dualpipe",
        "dualpipev", "zb-auto", "zb-v", "v-half", "v-min", "1f1b-v", "auto"}) {
    const Outcome outcome = ppplan("schedule --time-limit 0 --stages 4 --micro-batches 8 --kind " + std::string(kind));
    ASSERT_EQ(outcome.status, 0) << kind << outcome.err;
    for (const char* line : {"\nbubble  ", "\nbubble within spans", "\nlower bound", "\nbound  "})
      EXPECT_NE(outcome.out.find(line), std::string::npos) << kind << line;
  }
}

TEST(ScheduleCommand, SaysWhatDoesNotFit) {
  const Outcome outcome = ppplan("schedule --kind gpipe --stages 2 --micro-batches 6 --memory-limit 4");
  EXPECT_EQ(outcome.status, 3);
  EXPECT_NE(outcome.out.find("does not fit: rank 0 holds activations of 6"), std::string::npos) << outcome.out;
}

TEST(ScheduleCommand, WritesWhatSimulateAndVerifyRead) {
  const std::string path = scratch("dualpipe.json");
  ASSERT_EQ(ppplan("schedule --kind dualpipe --stages 4 --micro-batches 8 --comm 0.1 --out " + path).status, 0);
  EXPECT_EQ(ppplan("simulate --schedule " + path).status, 0);
  EXPECT_EQ(ppplan("verify " + path).status, 0);
}

}  // namespace
}  // namespace ppplan::tests
