#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "planner/engines/vllm_partition.h"
#include "planner/engines/vllm_rules.h"
#include "planner/input/input_error.h"
#include "planner/spec/read_model.h"

namespace ppplan::engines {
namespace {

using Layers = std::vector<int>;

TEST(DefaultPartition, GivesTheRemainderToTheStagesBeforeTheLast) {
  // 61 = 4 * 15 + 1, 94 = 4 * 23 + 2, 43 = 2 * 21 + 1, 126 = 8 * 15 + 6.
  EXPECT_EQ(default_partition(61, 4), (Layers{15, 15, 16, 15}));
  EXPECT_EQ(default_partition(94, 4), (Layers{23, 24, 24, 23}));
  EXPECT_EQ(default_partition(43, 2), (Layers{22, 21}));
  EXPECT_EQ(default_partition(126, 8), (Layers{15, 16, 16, 16, 16, 16, 16, 15}));
}

TEST(DefaultPartition, BeforeRelease08GivesTheRemainderToTheLast) {
  EXPECT_EQ(default_partition_before_0_8(61, 4), (Layers{15, 15, 15, 16}));
  EXPECT_EQ(default_partition_before_0_8(7, 4), (Layers{1, 1, 1, 4}));
}

TEST(DefaultPartition, FollowsTheVersion) {
  EXPECT_EQ(default_partition("0.7.3", 61, 4), (Layers{15, 15, 15, 16}));
  EXPECT_EQ(default_partition("v0.8.0", 61, 4), (Layers{15, 15, 16, 15}));
  EXPECT_EQ(default_partition("0.26", 61, 4), (Layers{15, 15, 16, 15}));
}

TEST(DefaultPartition, CoversEveryLayerOnceAndIsEven) {
  for (int layers = 0; layers <= 130; ++layers)
    for (int stages = 1; stages <= 20; ++stages) {
      const Layers split = default_partition(layers, stages);
      ASSERT_EQ(split.size(), static_cast<std::size_t>(stages));
      ASSERT_EQ(std::accumulate(split.begin(), split.end(), 0), layers);
      const auto [low, high] = std::minmax_element(split.begin(), split.end());
      ASSERT_LE(*high - *low, 1);
      ASSERT_EQ(split.back(), layers / stages) << "the last stage never has an extra layer";
      ASSERT_EQ(partition_text(split).empty(), false);
      ASSERT_EQ(parse_partition(partition_text(split), layers, stages).layers, split);
    }
}

TEST(DefaultPartition, RefusesZeroStages) {
  EXPECT_THROW(default_partition(8, 0), input::InputError);
  EXPECT_THROW(default_partition_before_0_8(-1, 2), input::InputError);
}

TEST(PartitionVariable, IsCheckedInVllmsOrder) {
  EXPECT_EQ(parse_partition("5,5,a", 21, 4).error, "Invalid partition string: 5,5,a");
  EXPECT_EQ(parse_partition("5,5,5", 21, 4).error, "len(partitions)=3 does not match pp_size=4.");
  EXPECT_EQ(parse_partition("5,5,5,5", 21, 4).error, "sum(partitions)=20 does not match num_hidden_layers=21.");
  EXPECT_EQ(parse_partition("", 21, 1).error, "Invalid partition string: ");
  EXPECT_EQ(parse_partition("5,6,5,5", 21, 4).layers, (Layers{5, 6, 5, 5}));
}

TEST(PartitionVariable, MayHoldWhatNoServerCanRun) {
  const ParsedPartition parsed = parse_partition("-1,11,10", 20, 3);
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.layers, (Layers{-1, 11, 10}));
  EXPECT_EQ(partition_fault(parsed.layers), "stage 0 has -1 layers, every stage needs at least 1");
  EXPECT_EQ(partition_fault({1, 0, 3}), "stage 1 has 0 layers, every stage needs at least 1");
  EXPECT_EQ(partition_fault({1, 2, 3}), "");
}

TEST(PartitionVariable, SurvivesNumbersBeyondAnyType) {
  const std::string huge(40, '9');
  EXPECT_NE(parse_partition(huge + "," + huge, 20, 2).error, "");
  EXPECT_NE(parse_partition("-3000000000,3000000020", 20, 2).error, "");
}

TEST(PartitionFault, WantsExpertsOnEveryStageOfAModelThatHasThem) {
  spec::ModelSpec model = spec::read_model("Qwen/Qwen3-30B-A3B");
  EXPECT_EQ(partition_fault(model, {1, 47}), "");
  for (std::size_t i = 0; i < 3; ++i) model.layers[i].feed_forward = {};
  EXPECT_NE(partition_fault(model, {3, 45}).find("stage 0 has no layer with experts"), std::string::npos);
  EXPECT_EQ(partition_fault(model, {4, 44}), "");
  EXPECT_EQ(partition_fault(spec::read_model("llama8b"), {3, 29}), "");
}

}  // namespace
}  // namespace ppplan::engines
