// How far outputs are from those of one device: a check that no value may slip through.
#include <gtest/gtest.h>

#include <limits>

#include "exec/pipeline_run.h"

namespace ppplan::tests {
namespace {

using exec::logits_distance;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

TEST(LogitsDistance, IsAFractionOfTheLargestExpected) {
  // The largest of all expected is 8, the largest difference 2.
  EXPECT_EQ(logits_distance({{1, 2}, {-6}}, {{1, 1}, {-8}}), 0.25);
  EXPECT_EQ(logits_distance({{1, 2}, {}}, {{1, 2}, {}}), 0);
  EXPECT_EQ(logits_distance({{0}}, {{0}}), 0);
}

TEST(LogitsDistance, IsInfiniteForWhatCannotBeCompared) {
  EXPECT_EQ(logits_distance({{nan}}, {{1}}), infinity);
  EXPECT_EQ(logits_distance({{1}}, {{nan}}), infinity);
  EXPECT_EQ(logits_distance({{nan}}, {{nan}}), infinity);
  EXPECT_EQ(logits_distance({{infinity}}, {{infinity}}), infinity);
  EXPECT_EQ(logits_distance({{1, 2}}, {{1}}), infinity);
  EXPECT_EQ(logits_distance({{1}}, {{1}, {2}}), infinity);
  EXPECT_EQ(logits_distance({{1}}, {{0}}), infinity);
}

}  // namespace
}  // namespace ppplan::tests
