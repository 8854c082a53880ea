#include <gtest/gtest.h>

#include <numeric>

#include "planner/cost/assess.h"
#include "planner/cost/rates.h"
#include "planner/cost/roofline.h"
#include "planner/schedule/deadlock.h"
#include "planner/schedule/longest_path.h"
#include "tests/cost/plan_for_test.h"

namespace ppplan {
namespace {

using tests::small_plan;

spec::Plan assessed(spec::Plan plan) {
  cost::CostBook book({});
  cost::assess_memory(plan);
  cost::assess_times(plan, book);
  return plan;
}

TEST(Roofline, TheSlowerOfComputeAndMemoryDecides) {
  const spec::Device device = tests::switched_cluster(1).devices.front();
  // 6e12 FLOP at 0.6 * 1e14/s is 0.1 s; 8e9 bytes at 0.8 * 1e12/s is 0.01 s; the launch adds 3 us.
  EXPECT_NEAR(cost::roofline_s(device, spec::DType::bf16, 6e12, 8e9), 0.1 + 3e-6, 1e-12);
  EXPECT_NEAR(cost::roofline_s(device, spec::DType::bf16, 6e9, 8e9), 0.01 + 3e-6, 1e-12);
}

TEST(Roofline, FormatsTheCardLacksRunAtTheSixteenBitRate) {
  const spec::Device device = tests::switched_cluster(1).devices.front();
  EXPECT_EQ(cost::peak_flops_per_s(device, spec::DType::fp8), 100e12);
}

TEST(Times, AShortPromptIsOneBatchAndALongOneIsChunks) {
  spec::Plan plan = small_plan({2, 2});
  plan.workload = {.input_tokens = 1000, .output_tokens = 100, .concurrency = 64};
  plan.micro_batching.max_num_batched_tokens = 2048;
  plan = assessed(plan);
  ASSERT_EQ(plan.times.size(), 2U);
  EXPECT_EQ(plan.times[0].shape, (spec::BatchShape{2, 1000, 0, true}));  // two prompts fit into 2048 tokens
  plan.micro_batching.max_num_batched_tokens = 400;
  plan = assessed(plan);
  ASSERT_EQ(plan.times.size(), 4U);
  EXPECT_EQ(plan.times[1].shape, (spec::BatchShape{1, 400, 400, false}));
  EXPECT_EQ(plan.times[2].shape, (spec::BatchShape{1, 200, 800, true}));
}

TEST(Times, ADecodeCohortIsItsShareOfWhatRuns) {
  spec::Plan plan = small_plan({2, 2});
  plan.workload = {.input_tokens = 100, .output_tokens = 50, .concurrency = 33};
  plan = assessed(plan);
  // 33 requests in two cohorts: 17 and 16, the larger one counts; contexts of 100 + 50 / 2 tokens.
  EXPECT_EQ(plan.times.back().shape, (spec::BatchShape{17, 1, 125, true}));
}

TEST(Times, AnOutputOfOneTokenDecodesNothing) {
  spec::Plan plan = small_plan({2, 2});
  plan.workload = {.input_tokens = 100, .output_tokens = 1, .concurrency = 4};
  plan = assessed(plan);
  EXPECT_EQ(cost::decode_index(plan), -1);
  EXPECT_EQ(plan.times.size(), 1U);
  EXPECT_EQ(cost::analytic(plan).tpot_s, 0);
}

TEST(Times, EndsAreCountedOnFirstAndLastStage) {
  const spec::Plan plan = assessed(small_plan({2, 3, 1}));
  const auto& times = plan.times.front();
  const std::vector<double> stages = cost::stage_seconds(plan, times);
  EXPECT_NEAR(stages[0], times.embedding_s + 2 * times.layer_s[0], 1e-15);
  EXPECT_NEAR(stages[1], 3 * times.layer_s[0], 1e-15);
  EXPECT_NEAR(stages[2], times.layer_s[0] + times.head_s, 1e-15);
}

TEST(Times, WithoutAProfileTheyAreCalledRoofline) {
  const spec::Plan plan = assessed(small_plan({2, 2}));
  EXPECT_EQ(plan.provenance.costs, "roofline");
  EXPECT_TRUE(plan.provenance.profile.empty());
  EXPECT_GE(plan.times.front().relative_error, 0.4);
}

TEST(Times, CarryWhatIdleNeighboursSpareIntoTheSchedule) {
  spec::Plan plan = small_plan({2, 2});
  traces::Profile profile;
  profile.device = plan.cluster.devices.front().name;
  profile.busy_cores = 4;
  // Products of a second each, half of it alone, beside which the rest of a layer is nothing.
  traces::Operation& product = profile.operations.emplace_back();
  product.op = "gemm";
  product.median_s = product.p10_s = product.p90_s = 1;
  product.alone_s = 0.5;
  cost::CostBook book({{"a file", traces::OperationTimes(profile)}});
  cost::assess_memory(plan);
  cost::assess_times(plan, book);
  for (const spec::BatchTimes& times : plan.times) EXPECT_NEAR(times.alone_fraction, 0.5, 1e-3);
  const schedule::Schedule schedule = cost::expand(plan, cost::Phase::prefill, 2);
  EXPECT_EQ(schedule.busy_devices, 4);
  const std::vector<double> alone_s = cost::uncontended_seconds(schedule, plan.cluster);
  for (std::size_t id = 0; id < schedule.ops.size(); ++id)
    if (!is_transfer(schedule.ops[id])) {
      EXPECT_NEAR(alone_s[id], 0.5 * schedule.ops[id].seconds, 1e-2);
    }
}

TEST(Times, WithoutAProfileNeighboursSpareNothing) {
  for (const spec::BatchTimes& times : assessed(small_plan({2, 2})).times) EXPECT_EQ(times.alone_fraction, 1);
}

TEST(Expand, HasEveryStageOfEveryMicroBatchAndCanComplete) {
  const spec::Plan plan = assessed(small_plan({2, 3, 1}));
  for (const cost::Phase phase : {cost::Phase::prefill, cost::Phase::decode}) {
    const schedule::Schedule schedule = cost::expand(plan, phase, 5);
    EXPECT_TRUE(schedule::faults(schedule).empty());
    EXPECT_TRUE(schedule::can_complete(schedule).completes);
    const auto computes = std::count_if(schedule.ops.begin(), schedule.ops.end(),
                                        [](const auto& op) { return op.key.kind == traces::OpKind::forward; });
    EXPECT_EQ(computes, phase == cost::Phase::prefill ? 3 * 5 : 3 * 5 * 3);  // 5 rounds of 3 cohorts
  }
}

TEST(Expand, ReplicasAreCopiesOnTheirOwnDevices) {
  spec::Plan plan = small_plan({2, 2, 1, 1});
  plan.stages.resize(2);
  plan.stages[0].devices = {{0}, {2}};
  plan.stages[1].devices = {{1}, {3}};
  plan.stages[1].head = true;
  plan.partition = {2, 2};
  plan.model.layers.resize(4);
  plan.parallel = {1, 2, 2};
  plan.micro_batching.in_flight = 2;
  plan = assessed(plan);
  const schedule::Schedule schedule = cost::expand(plan, cost::Phase::prefill, 3);
  ASSERT_EQ(schedule.devices.size(), 4U);
  EXPECT_EQ(schedule.devices[2].members, std::vector<int>{2});
  EXPECT_TRUE(schedule::faults(schedule).empty());
  EXPECT_TRUE(schedule::can_complete(schedule).completes);
}

TEST(Rates, ClosedFormFollowsTheLongestPathOfTheDecodeLoop) {
  spec::Plan plan = small_plan({3, 2, 3});
  plan.micro_batching.send_blocks_next = false;
  plan = assessed(plan);
  const int rounds = 40;
  const schedule::Schedule schedule = cost::expand(plan, cost::Phase::decode, rounds);
  const auto timeline = schedule::longest_path(schedule, cost::uncontended_seconds(schedule, plan.cluster));
  std::vector<double> exits;
  for (const auto& span : timeline.spans)
    if (span.key.kind == traces::OpKind::forward && span.key.stage == 2 && span.key.micro_batch % 3 == 0)
      exits.push_back(span.end_s);
  std::sort(exits.begin(), exits.end());
  const double steady = (exits[39] - exits[19]) / 20;
  EXPECT_NEAR(cost::analytic_rates(plan).round_s, steady, 1e-3 * steady);
}

TEST(Rates, IntervalsHoldTheirValue) {
  const spec::Plan plan = assessed(small_plan({2, 2}));
  const spec::Predicted predicted = cost::analytic(plan);
  const auto& range = predicted.uncertainty.at("tpot_s");
  EXPECT_LT(range.low, predicted.tpot_s);
  EXPECT_GT(range.high, predicted.tpot_s);
}

}  // namespace
}  // namespace ppplan
