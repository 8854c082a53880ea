#include "planner/search/rank.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "planner/search/pareto.h"

namespace ppplan::search {
namespace {

Candidate candidate(double tokens_per_s, std::vector<int> partition, int dp = 1) {
  Candidate it;
  it.parallel = {1, static_cast<int>(partition.size()), dp};
  it.partition = std::move(partition);
  it.predicted.output_tokens_per_s = tokens_per_s;
  it.predicted.ttft_s = 1;
  it.predicted.kv_tokens = 1000;
  it.margin_bytes = 1;
  return it;
}

TEST(Rank, LargerScoreFirstBeyondOnePercent) {
  std::vector<Candidate> all{candidate(100, {4, 4}), candidate(102, {5, 3})};
  rank(all, {});
  EXPECT_EQ(all.front().predicted.output_tokens_per_s, 102);
}

TEST(Rank, WithinOnePercentFewerDevicesThenEvennessThenTheDefaultSplit) {
  Candidate by_default = candidate(100, {4, 4});
  by_default.is_default = true;
  std::vector<Candidate> all{candidate(100.9, {4, 4}, 2), candidate(100.8, {5, 3}), candidate(100.1, {4, 4}),
                             by_default};
  rank(all, {});
  EXPECT_TRUE(all[0].is_default);
  EXPECT_EQ(all[1].predicted.output_tokens_per_s, 100.1);
  EXPECT_EQ(all[2].predicted.output_tokens_per_s, 100.8);
  EXPECT_EQ(devices(all[3]), 4);
}

TEST(Rank, ExtrapolatedThenLateThenShortPlansComeLast) {
  std::vector<Candidate> all{candidate(300, {4, 4}), candidate(200, {4, 4}), candidate(150, {4, 4}),
                             candidate(100, {4, 4})};
  all[0].margin_bytes = -1;
  all[1].within_limits = false;
  all[2].outside = true;
  rank(all, {});
  EXPECT_EQ(all[0].predicted.output_tokens_per_s, 100);
  EXPECT_EQ(all[1].predicted.output_tokens_per_s, 150);
  EXPECT_EQ(all[2].predicted.output_tokens_per_s, 200);
  EXPECT_EQ(all[3].predicted.output_tokens_per_s, 300);
}

TEST(Rank, CandidateOfAPlanKnowsThatItsCostsWereExtrapolatedAndItsLimitsBroken) {
  spec::Plan plan;
  plan.stages.resize(1);
  plan.partition = {8};
  EXPECT_FALSE(candidate_of(plan, {8}).outside);
  EXPECT_TRUE(candidate_of(plan, {8}).is_default);
  plan.times.resize(2);
  plan.times.back().outside = true;
  plan.predicted.ttft_s = 2;
  plan.workload.max_ttft_s = 1;
  EXPECT_TRUE(candidate_of(plan, {8}).outside);
  EXPECT_FALSE(candidate_of(plan, {8}).within_limits);
}

TEST(Rank, OrderDoesNotDependOnWhereCandidatesCameFrom) {
  std::mt19937 random(1);
  std::vector<Candidate> all;
  for (int i = 0; i < 60; ++i) all.push_back(candidate(100 + i % 7 * 0.3, {1 + i % 5, 7 - i % 5}, 1 + i % 2));
  for (int i = 0; i < 60; ++i) all[static_cast<std::size_t>(i)].micro_batching.max_num_seqs = 1 + i;
  std::vector<Candidate> shuffled = all;
  std::shuffle(shuffled.begin(), shuffled.end(), random);
  rank(all, {});
  rank(shuffled, {});
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(all[i].micro_batching.max_num_seqs, shuffled[i].micro_batching.max_num_seqs);
}

TEST(Pareto, KeepsTheBestOfTheGoalAndNothingThatIsBeaten) {
  std::vector<Candidate> ranked{candidate(100, {4, 4}), candidate(90, {5, 3}), candidate(80, {6, 2}),
                                candidate(70, {7, 1})};
  ranked[1].predicted.kv_tokens = 2000;  // trades speed for capacity
  ranked[2].predicted.kv_tokens = 1500;  // beaten by the one before
  ranked[3].predicted.ttft_s = 0.5;      // first token sooner
  const auto kept = pareto(ranked);
  ASSERT_EQ(kept.size(), 3u);
  EXPECT_EQ(kept[0].predicted.output_tokens_per_s, 100);
  EXPECT_EQ(kept[1].predicted.output_tokens_per_s, 90);
  EXPECT_EQ(kept[2].predicted.output_tokens_per_s, 70);
}

}  // namespace
}  // namespace ppplan::search
