// What an engine keeps beside the weights, against sums by hand and figures of public logs.
#include "planner/cost/kernel_weights.h"

#include <gtest/gtest.h>

#include "planner/cost/assess.h"
#include "planner/cost/memory_account.h"
#include "planner/spec/read_model.h"
#include "tests/cost/plan_for_test.h"

namespace ppplan {
namespace {

spec::Plan plan_of(const std::string& model, int tp, const std::string& version, int capability = 90) {
  spec::Plan plan = tests::small_plan({4}, tp);
  plan.model = spec::read_model(model);
  plan.provenance.vllm = version;
  for (spec::Device& device : plan.cluster.devices) device.compute_capability = capability;
  return plan;
}

std::int64_t beside(const spec::Plan& plan, std::size_t layer) {
  return cost::kernel_bytes(plan, plan.model.layers[layer], plan.cluster.devices.front());
}

TEST(KernelWeights, AbsorbedLatentProjectionsBefore0_8) {
  // 128 / 8 = 16 heads of DeepSeek-R1 in fp8: 16 * 512 * (1536 + 7168) = 71,303,168 of one byte; rotary part of the
  // queries 1536 * 16 * 64 * 2 = 3,145,728; expanded in fp32 512 * 16 * (128 + 128) * 4 = 8,388,608.
  EXPECT_EQ(beside(plan_of("deepseek-ai/DeepSeek-R1", 8, "0.7.2"), 5), 71'303'168 + 3'145'728 + 8'388'608);
  EXPECT_EQ(beside(plan_of("deepseek-ai/DeepSeek-R1", 8, "0.7.0"), 5), 0);
  // In bf16 twice the bytes, and expanding makes no copy: what it splits is the loaded matrix.
  spec::Plan plain = plan_of("deepseek-ai/DeepSeek-R1", 8, "0.7.3");
  spec::set_weight_dtype(plain.model, spec::DType::bf16);
  EXPECT_EQ(beside(plain, 5), 2 * 71'303'168 + 3'145'728);
}

TEST(KernelWeights, ExpandedLatentProjectionsSince0_8) {
  // 128 / 16 = 8 heads: 512 * 8 * 256 elements of bf16. Over 61 layers 0.12 GiB (vllm issue 16692).
  EXPECT_EQ(beside(plan_of("deepseek-ai/DeepSeek-R1", 16, "0.8.4"), 5), 512 * 8 * 256 * 2);
  spec::Plan plain = plan_of("deepseek-ai/DeepSeek-R1", 16, "0.8.4");
  spec::set_weight_dtype(plain.model, spec::DType::bf16);
  EXPECT_EQ(beside(plain, 5), 0);
}

TEST(KernelWeights, ExpertsOfGptOssByCardAndVersion) {
  // Marlin rounds 2,880 up to 3,072 (hidden) and 2,944 (width): 32 experts gain 3 (3072 * 2944 - 2880^2) 17/32 bytes.
  // Biases stay in 16 bits and grow by the padding: 2 (2 * 64 + 192).
  const std::int64_t marlin = 32 * (3 * (3072LL * 2944 - 2880LL * 2880) * 17 / 32 + 2 * (2 * 64 + 192));
  EXPECT_EQ(beside(plan_of("openai/gpt-oss-20b", 1, "0.11", 80), 0), marlin);
  EXPECT_EQ(beside(plan_of("openai/gpt-oss-20b", 1, "0.10.1", 90), 0), marlin);
  EXPECT_EQ(beside(plan_of("openai/gpt-oss-20b", 1, "0.12", 120), 0), marlin);
  // Triton rounds nothing here (2,880 = 45 * 64), keeps scales twice, the second with rows of 256 (5,760 -> 5,888 and
  // 2,880 -> 3,072), and biases in fp32: 2 more bytes of 3 * 2,880.
  const std::int64_t triton = 32 * ((5888LL * 2880 + 3072LL * 2880) / 32 + 2 * 3 * 2880);
  EXPECT_EQ(beside(plan_of("openai/gpt-oss-20b", 1, "0.11", 90), 0), triton);
  EXPECT_EQ(beside(plan_of("openai/gpt-oss-20b", 1, "0.25", 90), 0), 32 * 2 * 3 * 2880);
}

TEST(KernelWeights, ExpertsOfTheKernelThatIsAskedFor) {
  spec::Plan plan = plan_of("openai/gpt-oss-20b", 1, "0.25", 90);
  plan.engine.moe_backend = "marlin";
  EXPECT_EQ(beside(plan, 0), 32 * (3 * (3072LL * 2944 - 2880LL * 2880) * 17 / 32 + 2 * (2 * 64 + 192)));
}

TEST(KernelWeights, TheRotaryTableOfALongContext) {
  // Llama-4-Scout: 10,485,760 positions of 128 in bf16 are 2.5 GiB on every rank.
  spec::Plan plan;
  plan.model = spec::read_model("llama4-scout");
  EXPECT_EQ(cost::rotary_table_bytes(plan), std::int64_t{5} << 29);
}

TEST(WholeModelCheck, AsksEveryStageForAllLayersIn0_14And0_15) {
  // A block of 16 tokens is 16 * 512 bytes a layer; a request of 8,192 tokens 512 blocks.
  const std::int64_t request_of_layer = 512LL * 16 * 512;
  const auto margins = [](const std::string& version, std::vector<int> partition) {
    spec::Plan plan = tests::small_plan(partition);
    plan.provenance.vllm = version;
    // So that the KV cache decides, and not what lies outside of the budget.
    for (spec::Device& device : plan.cluster.devices) device.free_bytes = std::int64_t{64} << 30;
    cost::assess_memory(plan);
    return std::pair(plan.stages[0].memory.kv_bytes - plan.stages[0].memory.margin_bytes, plan.longest_context);
  };
  EXPECT_EQ(margins("0.13", {3, 5}).first, 3 * request_of_layer);
  EXPECT_EQ(margins("0.14", {3, 5}).first, 8 * request_of_layer);
  EXPECT_EQ(margins("0.15.1", {3, 5}).first, 8 * request_of_layer);
  EXPECT_EQ(margins("0.16", {3, 5}).first, 3 * request_of_layer);
  EXPECT_EQ(margins("0.15.1", {8}).first, 8 * request_of_layer);
}

}  // namespace
}  // namespace ppplan
