// Room for LoRA adapters, against sums by hand.
#include "planner/cost/adapter_memory.h"

#include <gtest/gtest.h>

#include "planner/cost/assess.h"
#include "planner/spec/read_model.h"
#include "tests/cost/plan_for_test.h"

namespace ppplan {
namespace {

spec::Plan plan_of(const std::string& model, int tp, spec::AdapterSettings adapters) {
  spec::Plan plan = tests::small_plan({4}, tp);
  plan.model = spec::read_model(model);
  plan.engine.adapters = adapters;
  plan.provenance.vllm = "0.12";
  return plan;
}

std::int64_t beside(const spec::Plan& plan, std::size_t layer = 0) {
  return cost::adapter_bytes(plan, plan.model.layers[layer]);
}

TEST(AdapterMemory, NothingWithoutLora) { EXPECT_EQ(beside(plan_of("llama8b", 1, {})), 0); }

TEST(AdapterMemory, DenseLayer) {
  // Llama-3.1-8B: 7 h = 28,672 on every rank; 2 q + 2 k + 3 i = 8,192 + 2,048 + 43,008 = 53,248 over all. 16 of bf16
  // for each of both sums are 2.5 MiB a layer.
  EXPECT_EQ(beside(plan_of("llama8b", 1, {.count = 1, .rank = 16})), (28'672 + 53'248) * 16 * 2);
  EXPECT_EQ(beside(plan_of("llama8b", 1, {.count = 4, .rank = 64})), (28'672 + 53'248) * 4 * 64 * 2);
  // Two ranks halve the second sum; with --fully-sharded-loras the first as well.
  EXPECT_EQ(beside(plan_of("llama8b", 2, {.count = 1, .rank = 16})), (28'672 + 53'248 / 2) * 16 * 2);
  EXPECT_EQ(beside(plan_of("llama8b", 2, {.count = 1, .rank = 16, .fully_sharded = true})),
            (28'672 + 53'248) / 2 * 16 * 2);
}

TEST(AdapterMemory, EveryExpertHasItsOwnSince0_11_1) {
  // Qwen3-30B-A3B: attention 4 * 2,048 + 2 * 4,096 + 2 * 512 = 17,408; 128 experts of 3 * 2,048 + 3 * 768 = 8,448.
  spec::Plan plan = plan_of("Qwen/Qwen3-30B-A3B", 1, {.count = 1, .rank = 16});
  EXPECT_EQ(beside(plan), (17'408 + 128 * 8'448) * 16 * 2);
  plan.provenance.vllm = "0.11.0";
  EXPECT_EQ(beside(plan), 17'408 * 16 * 2);
}

TEST(AdapterMemory, CountsAsWeightsOfEveryStage) {
  spec::Plan plan = tests::small_plan({3, 5}), with = plan;
  with.engine.adapters = {.count = 2, .rank = 8};
  cost::assess_memory(plan);
  cost::assess_memory(with);
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const int layers = plan.stages[s].end_layer - plan.stages[s].first_layer;
    EXPECT_EQ(with.stages[s].memory.weights_bytes - plan.stages[s].memory.weights_bytes, layers * beside(with));
  }
}

}  // namespace
}  // namespace ppplan
