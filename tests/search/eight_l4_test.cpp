// Llama-3-70B with FP8 weights over eight L4 cards, vllm pull request 6920: the ends limit, a lighter one holds more.
#include <gtest/gtest.h>

#include "planner/cost/assess.h"
#include "planner/search/kv_capacity.h"
#include "planner/search/stage_problem.h"
#include "planner/spec/read_model.h"
#include "tests/cost/plan_for_test.h"

namespace ppplan {
namespace {

TEST(KvCapacity, ThePartitionWithMostTokensHasALighterLimitingStage) {
  spec::Plan plan = tests::small_plan(std::vector<int>(8, 10));
  plan.model = spec::read_model("llama70b");
  spec::set_weight_dtype(plan.model, spec::DType::fp8);
  for (spec::Device& device : plan.cluster.devices)
    device.memory_bytes = device.free_bytes = static_cast<std::int64_t>(22.5 * 1024 * 1024 * 1024);
  plan.micro_batching.max_num_batched_tokens = 8192;
  plan.provenance.vllm = "0.5.4";
  cost::assess_memory(plan);
  std::size_t limiting = 0;
  for (std::size_t s = 0; s < 8; ++s)
    if (plan.stages[s].kv_blocks < plan.stages[limiting].kv_blocks) limiting = s;
  const auto most = search::most_kv(search::memory_problem(plan), search::kv_bytes(plan, 1), 0);
  ASSERT_TRUE(most);
  EXPECT_LT(most->partition[limiting], 10);
  EXPECT_GT(most->kv_tokens, plan.predicted.kv_tokens);
}

}  // namespace
}  // namespace ppplan
