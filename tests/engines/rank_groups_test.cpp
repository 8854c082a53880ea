#include "planner/engines/rank_groups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "planner/engines/vllm_rules.h"
#include "planner/input/input_error.h"

namespace ppplan::engines {
namespace {

TEST(RankGroups, AreThoseOfVllmsDocumentationForEightGpus) {
  const RankGroups groups = rank_groups({.dp = 2, .pp = 2, .tp = 2});
  EXPECT_EQ(groups.tp, (Groups{{0, 1}, {2, 3}, {4, 5}, {6, 7}}));
  EXPECT_EQ(groups.pp, (Groups{{0, 2}, {1, 3}, {4, 6}, {5, 7}}));
  EXPECT_EQ(groups.dp, (Groups{{0, 4}, {2, 6}, {1, 5}, {3, 7}}));
  EXPECT_EQ(groups.ep, (Groups{{0, 1, 4, 5}, {2, 3, 6, 7}}));
}

TEST(RankGroups, OfEveryAxisHoldEveryRankOnce) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const auto size = [&] { return 1 + static_cast<int>(random() % 4); };
    const RankLayout layout{size(), size(), size(), size(), size()};
    const int world = layout.external_dp * layout.dp * layout.pp * layout.pcp * layout.tp;
    const RankGroups groups = rank_groups(layout);
    std::vector<int> everyone(static_cast<std::size_t>(world));
    std::iota(everyone.begin(), everyone.end(), 0);
    for (const Groups* axis : {&groups.tp, &groups.pcp, &groups.pp, &groups.dp, &groups.ep}) {
      std::vector<int> ranks;
      for (const auto& group : *axis) ranks.insert(ranks.end(), group.begin(), group.end());
      std::sort(ranks.begin(), ranks.end());
      ASSERT_EQ(ranks, everyone);
    }
  }
}

TEST(RankGroups, AgreeWithRankOf) {
  const spec::Parallel parallel{.tp = 2, .pp = 3, .dp = 2};
  const RankGroups groups = rank_groups({.dp = 2, .pp = 3, .tp = 2});
  // A pipeline: same replica and tensor-parallel rank, stages in order. Groups go by replica, then tensor-parallel
  // rank.
  std::size_t group = 0;
  for (int replica = 0; replica < 2; ++replica)
    for (int t = 0; t < 2; ++t, ++group)
      for (int stage = 0; stage < 3; ++stage)
        EXPECT_EQ(groups.pp[group][static_cast<std::size_t>(stage)], rank_of(parallel, replica, stage, t));
}

TEST(RankGroups, OfAPipelineFollowItsNeighbours) {
  const RankLayout layout{.dp = 2, .pp = 4, .pcp = 2, .tp = 2};
  for (const auto& pipeline : rank_groups(layout).pp)
    for (std::size_t s = 0; s < pipeline.size(); ++s)
      EXPECT_EQ(pipeline_neighbours(layout, pipeline[s]).next, pipeline[(s + 1) % pipeline.size()]);
}

TEST(RankGroups, RefuseSizesBelowOneAndAbsurdWorlds) {
  EXPECT_THROW(rank_groups({.tp = 0}), input::InputError);
  EXPECT_THROW(rank_groups({.dp = 1 << 15, .tp = 1 << 15}), input::InputError);
}

}  // namespace
}  // namespace ppplan::engines
