#include "planner/engines/architecture_rules.h"

#include <gtest/gtest.h>

#include "planner/spec/read_model.h"

namespace ppplan::engines {
namespace {

TEST(Holdings, FollowTheModelFile) {
  const auto middle = [](const char* name) { return holdings(spec::read_model(name), 1, 3); };
  EXPECT_TRUE(middle("qwen3-235b-a22b").embedding && middle("qwen3-235b-a22b").head);
  EXPECT_FALSE(middle("deepseek-v3").embedding || middle("deepseek-v3").head);
  EXPECT_TRUE(middle("Qwen/Qwen3.5-397B-A17B").embedding);
  EXPECT_FALSE(middle("Qwen/Qwen3.5-397B-A17B").head);
  EXPECT_TRUE(middle("gemma-3-27b").shared && middle("gemma-3-27b").tower);
}

TEST(Holdings, PutATiedCopyOnTheLastStage) {
  const spec::ModelSpec tied = spec::read_model("meta-llama/Llama-3.2-1B");
  EXPECT_TRUE(holdings(tied, 2, 3).embedding && holdings(tied, 2, 3).shared);
  EXPECT_FALSE(holdings(spec::read_model("llama8b"), 2, 3).embedding);
}

TEST(Holdings, PutDraftLayersOnTheLastStage) {
  const spec::ModelSpec model = spec::read_model("deepseek-v3");
  EXPECT_TRUE(holdings(model, 2, 3, true).draft && holdings(model, 2, 3, true).draft_ends);
  EXPECT_FALSE(holdings(model, 0, 3, true).draft);
  EXPECT_FALSE(holdings(model, 0, 1, true).draft_ends);
}

TEST(PartitionFault, DependsOnTheModelFile) {
  const spec::ModelSpec glm = spec::read_model("glm-4.5"), deepseek = spec::read_model("deepseek-v3");
  EXPECT_NE(partition_fault(glm, {3, 89}), "") << "the first three layers are dense";
  EXPECT_EQ(partition_fault(glm, {4, 88}), "");
  EXPECT_EQ(partition_fault(deepseek, {3, 58}), "");
  EXPECT_EQ(partition_warnings(deepseek, {3, 58}).size(), 1U);
  const spec::ModelSpec vision = spec::read_model("Qwen/Qwen3-VL-235B-A22B-Instruct");
  EXPECT_NE(partition_fault(vision, {2, 92}), "") << "three layers take features of the tower";
  EXPECT_EQ(partition_fault(vision, {3, 91}), "");
}

TEST(PartitionFault, KeepsLayersWithTheOneWhoseKeysAndValuesTheyRead) {
  const spec::ModelSpec model = spec::read_model("gemma-4-e2b");
  // Layers from 15 on read layer 13 or 14.
  EXPECT_EQ(partition_fault(model, {13, 22}), "");
  EXPECT_NE(partition_fault(model, {14, 21}), "") << "layer 13 is left behind";
  EXPECT_NE(partition_fault(model, {18, 17}), "");
  const std::vector<bool> cuts = allowed_cuts(model);
  for (std::size_t l = 1; l < 35; ++l) EXPECT_EQ(cuts[l], l <= 13) << l;
  EXPECT_TRUE(allowed_cuts(spec::read_model("gemma-4-31b")).empty());
}

TEST(PipelineFault, FollowsTheVersionsThatServeTheModel) {
  const spec::ModelSpec vision = spec::read_model("llama-3.2-11b-vision"), cohere = spec::read_model("command-r");
  EXPECT_EQ(pipeline_fault(vision, 1, "0.8.5"), "");
  EXPECT_NE(pipeline_fault(vision, 2, "0.8.5").find("lacks SupportsPP; tensor parallelism (--tp, --pp 1) can"),
            std::string::npos);
  EXPECT_NE(pipeline_fault(vision, 1, "0.11.0").find("versions before 0.11 do (--vllm)"), std::string::npos);
  EXPECT_NE(pipeline_fault(cohere, 2, "0.6.2"), "");
  EXPECT_EQ(pipeline_fault(cohere, 1, "0.6.2"), "");
  EXPECT_EQ(pipeline_fault(cohere, 2, "0.6.3"), "");
  EXPECT_NE(pipeline_fault(spec::read_model("baidu/ERNIE-4.5-21B-A3B-PT"), 2, "0.11.0"), "") << "a tied head";
  EXPECT_EQ(pipeline_fault(spec::read_model("baidu/ERNIE-4.5-300B-A47B-PT"), 2, "0.11.0"), "");
}

// Added in December 2025, the first release after that is 0.14; Aya Vision was served from 0.8.3 to 0.24.
TEST(PipelineFault, NamesTheVersionsThatServeAModel) {
  const spec::ModelSpec mimo = spec::read_model("XiaomiMiMo/MiMo-V2-Flash");
  EXPECT_EQ(pipeline_fault(mimo, 1, "0.13.0"),
            "vLLM 0.13.0 does not serve MiMoV2FlashForCausalLM yet; version 0.14 and later do (--vllm)");
  EXPECT_NE(pipeline_fault(mimo, 2, "0.13.0"), "");
  for (const int stages : {1, 2}) EXPECT_EQ(pipeline_fault(mimo, stages, "0.14"), "");
  const spec::ModelSpec aya = spec::read_model("CohereLabs/aya-vision-8b");
  EXPECT_NE(pipeline_fault(aya, 1, "0.8.2"), "");
  EXPECT_EQ(pipeline_fault(aya, 1, "0.8.3"), "");
  EXPECT_EQ(pipeline_fault(aya, 1, "0.24"), "");
  EXPECT_NE(pipeline_fault(aya, 1, "0.25"), "");
}

TEST(PartitionFault, NemotronNeedsExpertsOnEveryStage) {
  const spec::ModelSpec model = spec::read_model("nemotron-3-nano");  // MEMEM*EM...: the first layer has none
  EXPECT_NE(partition_fault(model, {1, 51}), "");
  EXPECT_EQ(partition_fault(model, {2, 50}), "");
}

TEST(TensorParallel, CountsLatentAndLinearHeads) {
  EXPECT_EQ(tensor_parallel_fault(spec::read_model("deepseek-v3"), 16), "");
  EXPECT_EQ(tensor_parallel_fault(spec::read_model("Qwen/Qwen3.5-397B-A17B"), 32),
            "16 key heads of linear attention are not divisible by 32");
}

}  // namespace
}  // namespace ppplan::engines
