#include "planner/search/kv_capacity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "planner/search/least_pass.h"

namespace ppplan::search {
namespace {

using testing::ElementsAre;

PartitionProblem memory(std::vector<double> layer_bytes, std::vector<double> fixed, std::vector<double> capacity) {
  PartitionProblem problem;
  problem.layer_s = {std::vector<double>(layer_bytes.size(), 0.0)};
  problem.kind.assign(capacity.size(), 0);
  problem.layer_bytes = std::move(layer_bytes);
  problem.fixed_bytes = std::move(fixed);
  problem.capacity_bytes = std::move(capacity);
  return problem;
}

TEST(KvCapacity, LighterLastStageHoldsMoreTokens) {
  // 8 layers of 100 bytes, 1 byte a token and layer; the last stage owns 400 bytes more, both have 1000.
  // 4,4: min((1000-400)/4, (600-400)/4) = 50. 5,3: min(500/5, 300/3) = 100. 6,2: min(400/6, 400/2) = 66. Best 100 -> 96
  // in blocks of 16.
  const auto most = most_kv(memory(std::vector<double>(8, 100), {0, 400}, {1000, 1000}), std::vector<double>(8, 1), 0);
  ASSERT_TRUE(most);
  EXPECT_EQ(most->kv_tokens, 96);
  EXPECT_THAT(most->partition, ElementsAre(5, 3));
}

TEST(KvCapacity, NothingWhenTheLeastDemandDoesNotFit) {
  EXPECT_FALSE(most_kv(memory({100, 100}, {0, 0}, {150, 150}), {1, 1}, 64));
  EXPECT_TRUE(most_kv(memory({100, 100}, {0, 0}, {150, 150}), {1, 1}, 48));
}

TEST(KvCapacity, LeastShortNeedsTheSmallestGrowth) {
  // In MiB: 6 layers of 10, stages of 20 and 30 are short by 10 at least, in 3,3 (10 and 0) as in 2,4 (0 and 10).
  constexpr double mebi = 1024.0 * 1024.0;
  const auto partition = least_short(memory(std::vector<double>(6, 10 * mebi), {0, 0}, {20 * mebi, 30 * mebi}));
  ASSERT_EQ(partition.size(), 2u);
  EXPECT_THAT(partition[0], testing::AnyOf(2, 3));
}

TEST(LeastPass, FastStageTakesWhatItsMemoryHolds) {
  PartitionProblem problem;
  problem.layer_s = {std::vector<double>(6, 1), std::vector<double>(6, 3)};
  problem.kind = {1, 0};
  problem.layer_bytes.assign(6, 1);
  problem.capacity_bytes = {6, 4};
  const auto found = least_pass_partition(problem);
  ASSERT_TRUE(found);
  EXPECT_THAT(found->layers, ElementsAre(2, 4));
  EXPECT_EQ(found->bottleneck_s, 6);
}

TEST(LeastPass, IsTheSmallestSumOfEveryTwoStageCut) {
  std::mt19937 random(2);
  const auto draw = [&] { return 1.0 + static_cast<double>(random() % 9); };
  for (int repeat = 0; repeat < 200; ++repeat) {
    PartitionProblem problem;
    problem.layer_s.resize(2);
    for (int l = 0; l < 7; ++l)
      for (auto& row : problem.layer_s) row.push_back(draw());
    problem.kind = {0, 1};
    problem.fixed_s = {draw(), draw()};
    double least = 1e9;
    const auto sum = [&](int cut) {
      double seconds = problem.fixed_s[0] + problem.fixed_s[1];
      for (int l = 0; l < 7; ++l) seconds += problem.layer_s[l < cut ? 0 : 1][static_cast<std::size_t>(l)];
      return seconds;
    };
    for (int cut = 1; cut < 7; ++cut) least = std::min(least, sum(cut));
    const auto found = least_pass_partition(problem);
    ASSERT_TRUE(found);
    EXPECT_EQ(sum(found->layers.front()), least);
  }
}

}  // namespace
}  // namespace ppplan::search
