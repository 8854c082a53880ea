#include "planner/cost/calibrate.h"

#include <gtest/gtest.h>

#include "planner/cost/assess.h"
#include "planner/spec/read_model.h"
#include "tests/cost/plan_for_test.h"

namespace ppplan {
namespace {

/// Llama-3-70B with FP8 weights over eight L4 cards, as in vllm pull request 6920: pp 8, tp 1, blocks of 16 tokens,
/// 16-bit KV, the rules of 0.5.4.
spec::Plan eight_l4(const std::vector<int>& partition) {
  spec::Plan plan = tests::small_plan(partition);
  plan.model = spec::read_model("llama70b");
  spec::set_weight_dtype(plan.model, spec::DType::fp8);
  for (spec::Device& device : plan.cluster.devices) {
    device.name = "l4";
    device.memory_bytes = device.free_bytes = static_cast<std::int64_t>(22.5 * 1024 * 1024 * 1024);
  }
  plan.max_model_len = 8192;
  plan.micro_batching.max_num_batched_tokens = 8192;
  plan.provenance.vllm = "0.5.4";
  cost::assess_memory(plan);
  return plan;
}

TEST(Calibrate, FromTheEvenSplitPredictsALighterLimitingStage) {
  // Published: 1,476 blocks with 10 layers on every stage, 3,078 with fewer on the first and the last.
  spec::Plan even = eight_l4({10, 10, 10, 10, 10, 10, 10, 10});
  const auto corrections = cost::calibrate(even, {{.kv_blocks = 1476}}, "pull request 6920");
  ASSERT_EQ(corrections.size(), 1u);
  EXPECT_EQ(corrections.front().part, "kv");
  even.corrections = corrections;
  cost::assess_memory(even);
  std::int64_t fewest = even.stages.front().kv_blocks;
  for (const spec::Stage& stage : even.stages) fewest = std::min(fewest, stage.kv_blocks);
  EXPECT_EQ(fewest, 1476);
  // One layer less on the stage that limits.
  const auto limiting = static_cast<std::size_t>(
      std::min_element(even.stages.begin(), even.stages.end(),
                       [](const auto& a, const auto& b) { return a.kv_blocks < b.kv_blocks; }) -
      even.stages.begin());
  EXPECT_TRUE(limiting == 0 || limiting == 7);
  spec::Plan lighter = eight_l4(limiting == 0 ? std::vector<int>{9, 11, 10, 10, 10, 10, 10, 10}
                                              : std::vector<int>{10, 10, 10, 10, 10, 10, 11, 9});
  lighter.corrections = corrections;
  cost::assess_memory(lighter);
  EXPECT_NEAR(static_cast<double>(lighter.stages[limiting].kv_blocks), 3078, 0.03 * 3078);
}

TEST(Calibrate, ShrinksTheUncertaintyToWhatIsLeft) {
  spec::Plan plan = tests::small_plan({4, 4});
  // So much is free that the KV cache decides the margin.
  for (spec::Device& device : plan.cluster.devices) device.free_bytes *= 4;
  cost::assess_memory(plan);
  const std::int64_t before = plan.stages[0].memory.uncertainty_bytes;
  plan.corrections =
      cost::calibrate(plan, {{.stage = 0, .kv_bytes = plan.stages[0].memory.kv_bytes - (100 << 20)}}, "log");
  cost::assess_memory(plan);
  EXPECT_EQ(plan.stages[0].memory.reserve_bytes, 100 << 20);
  EXPECT_LT(plan.stages[0].memory.uncertainty_bytes, before);
}

TEST(Calibrate, PartsOfAStageSumToItsKv) {
  spec::Plan plan = tests::small_plan({4, 4});
  cost::assess_memory(plan);
  const auto& m = plan.stages[1].memory;
  const std::int64_t kv = m.kv_bytes - (64 << 20);
  plan.corrections = cost::calibrate(
      plan, {{.stage = 1, .weights_bytes = m.weights_bytes + m.head_bytes + (16 << 20), .kv_bytes = kv}}, "log");
  ASSERT_EQ(plan.corrections.size(), 2u);
  const spec::StageMemory first = plan.stages[0].memory;
  cost::assess_memory(plan);
  EXPECT_EQ(plan.stages[1].memory.kv_bytes, kv);
  EXPECT_EQ(plan.stages[0].memory.kv_bytes, first.kv_bytes);
}

}  // namespace
}  // namespace ppplan
