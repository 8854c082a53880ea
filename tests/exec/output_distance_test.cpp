// What counts as the outputs of one device: roundings do, and nothing that is larger.
#include "exec/output_distance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ppplan::tests {
namespace {

using exec::outputs_agree;
using exec::row_distances;
using testing::DoubleEq;
using testing::ElementsAre;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

/// Two layers, a vocabulary of two.
spec::ModelSpec small_model() {
  spec::ModelSpec model;
  model.vocabulary = 2;
  model.layers.resize(2);
  return model;
}

/// Rounds of decode of two sequences, each of which goes on from what the one before sampled.
exec::PipelineRun decode_run(int rounds) {
  exec::PipelineRun run;
  run.model = small_model();
  run.micro_batches = exec::decode_micro_batches({2, 1, 4, true}, 1, rounds);
  return run;
}

TEST(OutputDistance, IsOfEverySequenceRelativeToTheLargestOfAll) {
  EXPECT_THAT(row_distances(decode_run(1), {{8, 1, 2, 1}}, {{8, 1, 1, 3}}), ElementsAre(0, DoubleEq(0.25)));
}

TEST(OutputDistance, ASequenceThatWentOnFromAnotherTokenIsLeftOut) {
  // In the first round the first sequence samples 1 instead of 0; in the second only the other is compared.
  const auto apart = row_distances(decode_run(2), {{3, 4, 0, 4}, {9, 9, 0, 4}}, {{4, 3, 0, 4}, {1, 1, 0, 4}});
  EXPECT_THAT(apart, ElementsAre(0.25, 0, 0));
}

TEST(OutputDistance, WhatIsNoNumberOrOfAnotherSizeIsInfinitelyFar) {
  EXPECT_THAT(row_distances(decode_run(1), {{nan, 1, 2, 1}}, {{8, 1, 2, 1}}), ElementsAre(infinity, 0));
  EXPECT_THAT(row_distances(decode_run(1), {{8, 1}}, {{8, 1, 2, 1}}), ElementsAre(infinity));
  EXPECT_THAT(row_distances(decode_run(1), {}, {{8, 1, 2, 1}}), ElementsAre(infinity));
}

TEST(OutputDistance, ToleranceCountsRoundings) {
  // Two layers of two blocks: 2 (2 * 2 R + 16) + 4 roundings.
  EXPECT_DOUBLE_EQ(exec::rounding_tolerance(small_model(), 1), std::sqrt(44.0 / 3) / 256);
  EXPECT_DOUBLE_EQ(exec::rounding_tolerance(small_model(), 4), std::sqrt(68.0 / 3) / 256);
  spec::ModelSpec shared = small_model();
  shared.layers.front().feed_forward.shared_intermediate = 8;
  EXPECT_DOUBLE_EQ(exec::rounding_tolerance(shared, 4), std::sqrt(76.0 / 3) / 256);
  shared.layers.back().attention.kind = spec::AttentionKind::mla;
  EXPECT_DOUBLE_EQ(exec::rounding_tolerance(shared, 4), std::sqrt(84.0 / 3) / 256);
}

TEST(OutputDistance, AllAreWithinTheToleranceOrHalfWhereExpertsAreLeftOut) {
  spec::ModelSpec model = small_model();
  const double at = exec::rounding_tolerance(model, 2);
  EXPECT_TRUE(outputs_agree(model, 2, {0, at}));
  EXPECT_FALSE(outputs_agree(model, 2, {0, 1.01 * at}));
  EXPECT_FALSE(outputs_agree(model, 2, {}));
  model.layers.front().feed_forward.experts = 4;
  model.layers.front().feed_forward.experts_per_token = 4;
  EXPECT_FALSE(outputs_agree(model, 2, {0, 1.01 * at}));  // none is left out
  model.layers.front().feed_forward.experts_per_token = 2;
  EXPECT_TRUE(outputs_agree(model, 2, {0, 1.01 * at}));
  EXPECT_FALSE(outputs_agree(model, 2, {0, infinity, infinity}));
}

}  // namespace
}  // namespace ppplan::tests
