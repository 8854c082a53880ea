#include "planner/schedule/rank_alarms.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace ppplan::schedule {
namespace {

TEST(RankAlarms, NobodyWantsAnythingAtFirst) {
  EXPECT_EQ(RankAlarms(5).earliest(), RankAlarms::never);
  EXPECT_EQ(RankAlarms(1).earliest(), RankAlarms::never);
}

TEST(RankAlarms, OfEqualTimesTheLowestRankIsFirst) {
  RankAlarms alarms(6);
  for (const int rank : {5, 2, 4}) alarms.set(rank, 1.5);
  EXPECT_EQ(alarms.first(), 2);
  alarms.set(2, RankAlarms::never);
  EXPECT_EQ(alarms.first(), 4);
}

TEST(RankAlarms, AgreesWithAPlainListUnderRandomChanges) {
  std::mt19937 random(7);
  for (const int ranks : {1, 2, 3, 8, 13, 64, 100}) {
    RankAlarms alarms(ranks);
    std::vector<double> plain(static_cast<std::size_t>(ranks), RankAlarms::never);
    for (int change = 0; change < 500; ++change) {
      const int rank = static_cast<int>(random() % static_cast<unsigned>(ranks));
      const double time_s = random() % 4 == 0 ? RankAlarms::never : static_cast<double>(random() % 16);
      alarms.set(rank, time_s);
      plain[static_cast<std::size_t>(rank)] = time_s;
      const auto first = std::ranges::min_element(plain);
      ASSERT_EQ(alarms.at(rank), time_s);
      ASSERT_EQ(alarms.earliest(), *first);
      if (*first == RankAlarms::never) continue;
      ASSERT_EQ(alarms.first(), first - plain.begin());
    }
  }
}

}  // namespace
}  // namespace ppplan::schedule
