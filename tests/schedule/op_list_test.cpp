#include "planner/schedule/op_list.h"

#include <gtest/gtest.h>

#include <random>

namespace ppplan::schedule {
namespace {

std::vector<OpId> ids_of(const OpList& list) { return {list.begin(), list.end()}; }

// Lists that are copied, moved, cleared and grown at random hold what a vector holds.
TEST(OpList, HoldsWhatAVectorHolds) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    OpList list;
    std::vector<OpId> same;
    for (int step = 0; step < 60; ++step) {
      const auto what = random() % 16;
      if (what == 0) {
        list.clear();
        same.clear();
      } else if (what == 1) {
        OpList copy = list;
        copy.push_back(-1);
        EXPECT_EQ(ids_of(list), same);
        list = std::move(copy);
        same.push_back(-1);
      } else if (what == 2) {
        list = OpList(same);
      } else {
        list.push_back(step);
        same.push_back(step);
      }
      ASSERT_EQ(ids_of(list), same);
      ASSERT_EQ(list.size(), same.size());
      ASSERT_EQ(list.empty(), same.empty());
    }
    for (OpId& id : list) ++id;
    for (OpId& id : same) ++id;
    EXPECT_EQ(list, OpList(same));
    same.push_back(0);
    EXPECT_FALSE(list == OpList(same));
  }
}

TEST(OpList, TakesNoMoreRoomThanAVector) { EXPECT_LE(sizeof(OpList), sizeof(std::vector<OpId>)); }

}  // namespace
}  // namespace ppplan::schedule
