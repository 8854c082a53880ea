#include "planner/search/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "planner/input/input_error.h"

namespace ppplan::search {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr double infinity = std::numeric_limits<double>::infinity();

PartitionProblem plain(std::vector<double> layers, int stages) {
  PartitionProblem problem;
  problem.layer_s = {std::move(layers)};
  problem.kind.assign(static_cast<std::size_t>(stages), 0);
  return problem;
}

bool legal(const PartitionProblem& problem, const std::vector<int>& layers) {
  std::size_t begin = 0;
  for (std::size_t s = 0; s < layers.size(); ++s) {
    if (layers[s] < 1) return false;
    const std::size_t end = begin + static_cast<std::size_t>(layers[s]);
    if (begin > 0 && !problem.cut_allowed.empty() && !problem.cut_allowed[begin]) return false;
    if (!problem.layer_bytes.empty()) {
      double bytes = problem.fixed_bytes.empty() ? 0 : problem.fixed_bytes[s];
      for (std::size_t l = begin; l < end; ++l) bytes += problem.layer_bytes[l];
      if (bytes > problem.capacity_bytes[s]) return false;
    }
    begin = end;
  }
  return begin == problem.layer_s.front().size();
}

// Smallest bottleneck over all ways to write L as a sum of `stages` positive numbers; infinite when none is legal.
double brute_force(const PartitionProblem& problem, std::vector<int>& layers, int left) {
  const auto stages = problem.kind.size();
  if (layers.size() + 1 == stages) {
    layers.push_back(left);
    const double found = left > 0 && legal(problem, layers) ? bottleneck_s(problem, layers) : infinity;
    layers.pop_back();
    return found;
  }
  double best = infinity;
  for (int take = 1; take < left; ++take) {
    layers.push_back(take);
    best = std::min(best, brute_force(problem, layers, left - take));
    layers.pop_back();
  }
  return best;
}

double brute_force(const PartitionProblem& problem) {
  std::vector<int> layers;
  return brute_force(problem, layers, static_cast<int>(problem.layer_s.front().size()));
}

class RandomProblem {
 public:
  explicit RandomProblem(unsigned seed) : random_(seed) {}

  // `features`: bit 0 fixed costs, 1 several kinds, 2 caps, 3 forbidden cuts, 4 heavy tail, 5 values that are not
  // integers.
  PartitionProblem draw(int features) {
    const int layers = whole(1, 9);
    const int stages = whole(1, 5);
    PartitionProblem problem;
    const int kinds = features & 2 ? whole(1, 3) : 1;
    for (int k = 0; k < kinds; ++k) {
      problem.layer_s.emplace_back();
      for (int l = 0; l < layers; ++l) problem.layer_s.back().push_back(layer(features));
    }
    for (int s = 0; s < stages; ++s) problem.kind.push_back(whole(0, kinds - 1));
    if (features & 1)
      for (int s = 0; s < stages; ++s) problem.fixed_s.push_back(whole(0, 2) == 0 ? layer(features) : 0);
    if (features & 4) add_caps(problem, layers, stages);
    if (features & 8)
      for (int l = 0; l < layers; ++l) problem.cut_allowed.push_back(whole(0, 2) > 0);
    return problem;
  }

 private:
  int whole(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  double layer(int features) {
    double value = whole(0, 6);
    if (features & 16) value = std::floor(std::pow(std::uniform_real_distribution<double>(0.001, 1)(random_), -1.0));
    if (features & 32) value *= std::uniform_real_distribution<double>(0.5, 1.5)(random_);
    return value;
  }
  void add_caps(PartitionProblem& problem, int layers, int stages) {
    for (int l = 0; l < layers; ++l) problem.layer_bytes.push_back(whole(0, 5));
    const double mean = std::accumulate(problem.layer_bytes.begin(), problem.layer_bytes.end(), 0.0) / stages;
    for (int s = 0; s < stages; ++s) {
      problem.capacity_bytes.push_back(whole(0, 4) == 0 ? infinity : std::floor(mean) + whole(0, 6));
      problem.fixed_bytes.push_back(whole(0, 3));
    }
  }

  std::mt19937 random_;
};

TEST(Partition, IsTheOptimumOfBruteForceForEveryCombinationOfFeatures) {
  RandomProblem random(20260101);
  int feasible = 0;
  int infeasible = 0;
  for (int features = 0; features < 64; ++features)
    for (int repeat = 0; repeat < 300; ++repeat) {
      const PartitionProblem problem = random.draw(features);
      const double expected = brute_force(problem);
      const auto found = optimal_partition(problem);
      ASSERT_EQ(found.has_value(), std::isfinite(expected)) << "features " << features << " repeat " << repeat;
      if (!found) {
        ++infeasible;
        continue;
      }
      ++feasible;
      ASSERT_TRUE(legal(problem, found->layers)) << "features " << features << " repeat " << repeat;
      ASSERT_EQ(found->bottleneck_s, expected) << "features " << features << " repeat " << repeat;
      ASSERT_EQ(found->bottleneck_s, bottleneck_s(problem, found->layers));
      ASSERT_LE(lower_bound_s(problem), expected);
    }
  EXPECT_GT(feasible, 3000);
  EXPECT_GT(infeasible, 500);
}

TEST(Partition, SlowStageIsNotLeftFacingAHeavyLayer) {
  // Stages: fast (times 1,1,9,1), slow (times 10 x). The 9 must go to the fast one, so the slow stage, which is last,
  // takes only the last layer: 1+1+9 = 11 against 10.
  PartitionProblem problem;
  problem.layer_s = {{1, 1, 9, 1}, {10, 10, 90, 10}};
  problem.kind = {0, 1};
  const auto found = optimal_partition(problem);
  ASSERT_TRUE(found);
  EXPECT_THAT(found->layers, ElementsAre(3, 1));
  EXPECT_EQ(found->bottleneck_s, 11);
}

TEST(Partition, StageThatTakesLessThanItCouldSparesTheNextOneAHeavyLayer) {
  // At a bottleneck of 4, stage 0 could take layers 0..1 (2 + 2), which would leave stage 1 (cap 1 byte) at layer 2 of
  // 5 bytes. It must stop after layer 0: 2 | 2 | 1 + 1.
  PartitionProblem problem = plain({2, 2, 1, 1}, 3);
  problem.layer_bytes = {1, 1, 5, 1};
  problem.capacity_bytes = {9, 1, 9};
  const auto found = optimal_partition(problem);
  ASSERT_TRUE(found);
  EXPECT_THAT(found->layers, ElementsAre(1, 1, 2));
  EXPECT_EQ(found->bottleneck_s, 2);
}

TEST(Partition, EqualLayersAreSharedEvenlyWhereTheBottleneckAllows) {
  for (int layers = 1; layers <= 130; ++layers)
    for (int stages = 1; stages <= std::min(layers, 16); ++stages) {
      const auto found = optimal_partition(plain(std::vector<double>(static_cast<std::size_t>(layers), 0.25), stages));
      ASSERT_TRUE(found);
      const auto [low, high] = std::minmax_element(found->layers.begin(), found->layers.end());
      ASSERT_LE(*high - *low, 1) << layers << " over " << stages;
    }
}

TEST(Partition, LighterLastStageWhenItOwnsTheHead) {
  // 80 equal layers, 8 stages, a head worth 3 layers: 83 / 8 = 10.4, so 11 is the least; the last stage has at most 8.
  PartitionProblem problem = plain(std::vector<double>(80, 1), 8);
  problem.fixed_s = {0, 0, 0, 0, 0, 0, 0, 3};
  const auto found = optimal_partition(problem);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->bottleneck_s, 11);
  EXPECT_LE(found->layers.back(), 8);
}

TEST(Partition, OrderOfStagesMattersNotTheirNumbering) {
  // Rows of layer_s may be listed in any order: with kinds renamed the same partition comes back.
  RandomProblem random(7);
  for (int repeat = 0; repeat < 200; ++repeat) {
    PartitionProblem problem = random.draw(3 + 16);
    const auto before = optimal_partition(problem);
    std::reverse(problem.layer_s.begin(), problem.layer_s.end());
    for (int& kind : problem.kind) kind = static_cast<int>(problem.layer_s.size()) - 1 - kind;
    ASSERT_EQ(optimal_partition(problem), before);
  }
}

TEST(Partition, MirroredProblemHasTheSameOptimum) {
  RandomProblem random(11);
  for (int repeat = 0; repeat < 500; ++repeat) {
    PartitionProblem problem = random.draw(7 + 16);
    const auto before = optimal_partition(problem);
    for (auto& row : problem.layer_s) std::reverse(row.begin(), row.end());
    for (auto* list : {&problem.fixed_s, &problem.layer_bytes, &problem.fixed_bytes, &problem.capacity_bytes})
      std::reverse(list->begin(), list->end());
    std::reverse(problem.kind.begin(), problem.kind.end());
    const auto after = optimal_partition(problem);
    ASSERT_EQ(after.has_value(), before.has_value());
    if (before) {
      ASSERT_EQ(after->bottleneck_s, before->bottleneck_s);
    }
  }
}

TEST(Partition, MoreStagesThanBlocksIsInfeasibleNotAnError) {
  EXPECT_FALSE(optimal_partition(plain({1, 1}, 3)));
  PartitionProblem problem = plain({1, 1, 1}, 3);
  problem.cut_allowed = {true, true, false};
  EXPECT_FALSE(optimal_partition(problem));
}

TEST(Partition, CapsThatNothingSatisfiesAreInfeasible) {
  PartitionProblem problem = plain({1, 1, 1}, 2);
  problem.layer_bytes = {4, 4, 4};
  problem.capacity_bytes = {7, 7};
  EXPECT_FALSE(optimal_partition(problem));
  problem.capacity_bytes = {7, 8};
  ASSERT_TRUE(optimal_partition(problem));
  EXPECT_THAT(optimal_partition(problem)->layers, ElementsAre(1, 2));
}

TEST(Partition, SizesThatDisagreeAreErrorsThatNameTheField) {
  PartitionProblem problem = plain({1, 2, 3}, 2);
  problem.fixed_s = {1};
  EXPECT_THAT([&] { optimal_partition(problem); },
              ThrowsMessage<input::InputError>(HasSubstr("fixed_s: expected 2 entries, one per stage, found 1")));
  problem = plain({1, 2, 3}, 2);
  problem.layer_bytes = {1, 1, 1};
  EXPECT_THAT([&] { optimal_partition(problem); }, ThrowsMessage<input::InputError>(HasSubstr("capacity_bytes")));
  problem = plain({1, 2, 3}, 2);
  problem.cut_allowed = {true};
  EXPECT_THAT([&] { optimal_partition(problem); }, ThrowsMessage<input::InputError>(HasSubstr("cut_allowed")));
  problem = plain({1, 2, 3}, 2);
  problem.kind[1] = 4;
  EXPECT_THAT([&] { optimal_partition(problem); }, ThrowsMessage<input::InputError>(HasSubstr("stage 1")));
  EXPECT_THROW(optimal_partition(plain({1}, 0)), input::InputError);
}

TEST(Partition, ValuesThatAreNoTimesAreErrorsThatNameTheLayer) {
  for (double bad : {-1.0, infinity, std::nan("")})
    EXPECT_THAT(
        [&] {
          optimal_partition(plain({1, bad, 3}, 2));
        },
        ThrowsMessage<input::InputError>(HasSubstr("layer_s of layer 1")));
}

TEST(Partition, LargeHeavyTailedProblemsAreAtTheirNextLowerValue) {
  // Optimality where brute force can't go: one ulp below the returned bottleneck nothing is feasible, which the caps
  // show when the seconds are repeated as bytes and every stage is capped just below the optimum.
  std::mt19937 random(3);
  for (int repeat = 0; repeat < 10; ++repeat) {
    std::vector<double> layers;
    for (int l = 0; l < 3000; ++l)
      layers.push_back(std::floor(10 * std::pow(std::uniform_real_distribution<double>(1e-4, 1)(random), -1 / 1.3)));
    PartitionProblem problem = plain(layers, 48);
    const auto found = optimal_partition(problem);
    ASSERT_TRUE(found);
    problem.layer_bytes = layers;
    problem.capacity_bytes.assign(48, found->bottleneck_s);
    EXPECT_TRUE(optimal_partition(problem));
    problem.capacity_bytes.assign(48, found->bottleneck_s - 1);
    EXPECT_FALSE(optimal_partition(problem));
  }
}

}  // namespace
}  // namespace ppplan::search
