#include "planner/engines/export_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "planner/input/document.h"
#include "tests/engines/launch_plans.h"

namespace ppplan::engines {
namespace {

using testing::HasSubstr;
using testing::Not;

/// llama8b, 32 layers, cut as told over single cards.
spec::Plan cut(const std::vector<int>& partition) {
  const std::vector<Card> cards(partition.size(), Card{"l4", 0});
  spec::Plan plan = plan_on(cards, {.tp = 1, .pp = static_cast<int>(partition.size()), .dp = 1});
  plan.partition = partition;
  plan.micro_batching.in_flight = 3;
  return plan;
}

TEST(Export, ToMegatronUsesThePlainestFlagThatSaysIt) {
  EXPECT_THAT(export_plan(cut({8, 8, 8, 8}), Export::megatron), Not(HasSubstr("layout")));
  EXPECT_THAT(export_plan(cut({9, 8, 8, 7}), Export::megatron),
              HasSubstr("--decoder-first-pipeline-num-layers 9 --decoder-last-pipeline-num-layers 7\n"));
  EXPECT_THAT(export_plan(cut({17, 15}), Export::megatron),
              HasSubstr("--decoder-first-pipeline-num-layers 17 --decoder-last-pipeline-num-layers 15\n"));
  EXPECT_THAT(export_plan(cut({8, 9, 8, 7}), Export::megatron),
              HasSubstr("--pipeline-model-parallel-layout 'Et*8|t*9|t*8|t*7L'\n"));
}

TEST(Export, ToDeepspeedSumsTheParts) {
  const auto document = input::parse_document(export_plan(cut({9, 8, 8, 7}), Export::deepspeed), "parts");
  std::vector<int> parts;
  for (const auto& part : document.root().at("parts").items()) parts.push_back(part.count(0));
  EXPECT_EQ(parts, (std::vector<int>{0, 9, 17, 25, 32}));
  EXPECT_FALSE(document.root().at("notes").items().empty());
}

TEST(Export, ToTorchIsARowOfForwardsForEachRank) {
  EXPECT_EQ(export_plan(cut({17, 15}), Export::torch_csv), "0F0,0F1,0F2\n1F0,1F1,1F2\n");
}

TEST(Export, ToLlamaCppSplitsByLayers) {
  const std::string text = export_plan(cut({17, 15}), Export::llama_cpp);
  EXPECT_THAT(text, HasSubstr("-ngl 33 -sm layer --tensor-split 17,15 -c 8192\n"));
}

TEST(Export, IsValidShellWhereItIsShell) {
  for (const Export to : {Export::vllm, Export::sglang, Export::megatron, Export::llama_cpp}) {
    const std::string text = export_plan(cut({8, 9, 8, 7}), to);
    EXPECT_EQ(run_shell(text, "-n").status, 0) << text;
    EXPECT_THAT(text, testing::StartsWith("# "));
  }
}

TEST(Export, TellsWhatDoesNotCarryOver) {
  for (const char* name : {"vllm", "sglang", "megatron", "deepspeed", "torch-csv", "llama-cpp"}) {
    const auto to = export_kind(name);
    ASSERT_TRUE(to) << name;
    EXPECT_FALSE(export_notes(cut({17, 15}), *to).empty()) << name;
  }
  EXPECT_FALSE(export_kind("tensorrt"));
}

}  // namespace
}  // namespace ppplan::engines
