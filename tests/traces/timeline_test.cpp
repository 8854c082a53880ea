#include "traces/timeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace ppplan::traces {
namespace {

TEST(OpKind, EveryNameReadsBackAndNoOtherDoes) {
  for (int kind = 0; kind <= static_cast<int>(OpKind::update); ++kind) {
    const auto value = static_cast<OpKind>(kind);
    EXPECT_EQ(op_kind(name(value)), value);
  }
  EXPECT_EQ(op_kind("Forward"), std::nullopt);
  EXPECT_EQ(op_kind(""), std::nullopt);
}

TEST(OpKind, OnlyTransfersAndCollectivesAreNotCompute) {
  EXPECT_TRUE(is_compute(OpKind::forward));
  EXPECT_TRUE(is_compute(OpKind::recompute));
  EXPECT_TRUE(is_compute(OpKind::update));
  EXPECT_FALSE(is_compute(OpKind::send));
  EXPECT_FALSE(is_compute(OpKind::all_reduce));
  EXPECT_FALSE(is_compute(OpKind::token_return));
}

TEST(Timeline, MakespanIsTheLatestEndWhereverItStands) {
  const OpKey key;
  EXPECT_EQ(makespan_s({}), 0);
  EXPECT_EQ(makespan_s({"t", {"a"}, {{0, key, 0, 5}, {0, key, 1, 2}}}), 5);
}

TEST(Timeline, SortedOrderDoesNotDependOnTheOrderBefore) {
  Timeline sorted{"t", {"a", "b"}, {}};
  for (int k = 0; k < 40; ++k)
    sorted.spans.push_back({k % 2, {OpKind::forward, k % 3, 0, k, 0}, static_cast<double>(k / 8), 9.0, 0});
  sort_spans(sorted);
  EXPECT_TRUE(std::ranges::is_sorted(sorted.spans, {}, &Span::start_s));
  std::mt19937 random(1);
  Timeline shuffled = sorted;
  std::ranges::shuffle(shuffled.spans, random);
  sort_spans(shuffled);
  EXPECT_EQ(shuffled, sorted);
}

}  // namespace
}  // namespace ppplan::traces
