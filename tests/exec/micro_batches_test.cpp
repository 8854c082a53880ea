#include "exec/micro_batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exec/host_weights.h"
#include "exec/seeded_values.h"
#include "planner/input/input_error.h"

namespace ppplan::tests {
namespace {

using exec::MicroBatch;
using spec::BatchShape;

TEST(MicroBatches, ChunksContinueTheirPromptOnly) {
  const auto batches = exec::prefill_micro_batches({{1, 8, 0, false}, {1, 4, 8, true}}, 5);
  ASSERT_EQ(batches.size(), 5U);
  EXPECT_EQ(batches[3], (MicroBatch{{1, 4, 8, true}, 2}));
  EXPECT_THAT(exec::chain_roots(batches), testing::ElementsAre(0, 0, 2, 2, 4));
}

TEST(MicroBatches, RoundsContinueTheirCohortOneTokenLater) {
  const auto batches = exec::decode_micro_batches({4, 1, 100, true}, 2, 3);
  EXPECT_THAT(exec::chain_roots(batches), testing::ElementsAre(0, 1, 0, 1, 0, 1));
  EXPECT_EQ(batches[5], (MicroBatch{{4, 1, 102, true}, 3}));
}

TEST(MicroBatches, RefusesChainsThatDoNotFit) {
  const BatchShape first{2, 8, 0, false};
  EXPECT_THROW(exec::chain_roots({{first, 0}}), input::InputError);                         // itself
  EXPECT_THROW(exec::chain_roots({{first, -1}, {{2, 8, 7, true}, 0}}), input::InputError);  // wrong past
  EXPECT_THROW(exec::chain_roots({{first, -1}, {{1, 8, 8, true}, 0}}), input::InputError);  // other sequences
  EXPECT_THROW(exec::chain_roots({{{2, 0, 0, true}, -1}}), input::InputError);              // no tokens
  const BatchShape next{2, 1, 8, true};
  EXPECT_THROW(exec::chain_roots({{first, -1}, {next, 0}, {next, 0}}), input::InputError);  // twice
}

TEST(SeededValues, DependOnSeedAndPathAlone) {
  const std::uint64_t a = exec::stream(1, {2, 3});
  EXPECT_EQ(a, exec::stream(1, {2, 3}));
  EXPECT_NE(a, exec::stream(2, {2, 3}));
  EXPECT_NE(a, exec::stream(1, {3, 2}));
  EXPECT_NE(a, exec::stream(1, {2}));
}

TEST(SeededValues, FillUniformly) {
  std::vector<float> values(20000);
  exec::fill_uniform(values.data(), values.size(), exec::stream(5, {}), 1.0f, 2.0f);
  double sum = 0, squares = 0;
  for (const float v : values) {
    EXPECT_GE(v, -1.0f);
    EXPECT_LT(v, 3.0f);
    sum += v;
    squares += (v - 1.0) * (v - 1.0);
  }
  // Mean 1 and variance 2^2/3; of 20000 draws the mean scatters by 0.008, the variance by 0.8 %.
  EXPECT_NEAR(sum / 20000, 1.0, 0.04);
  EXPECT_NEAR(squares / 20000, 4.0 / 3, 0.06);
}

TEST(HostWeights, OfALayerDependOnSeedAndLayer) {
  kernels::host::LayerShape shape;
  shape.hidden = 16;
  shape.attention = {2, 1, 8, 0};
  shape.intermediate = 8;
  const exec::LayerMemory a(shape, 3, 1), b(shape, 3, 1), c(shape, 4, 1), d(shape, 3, 2);
  EXPECT_EQ(a.weights().qkv[5], b.weights().qkv[5]);
  EXPECT_NE(a.weights().qkv[5], c.weights().qkv[5]);
  EXPECT_NE(a.weights().qkv[5], d.weights().qkv[5]);
  EXPECT_EQ(a.weights().router, nullptr);
  EXPECT_EQ(a.weights().qkv_bias, nullptr);
}

}  // namespace
}  // namespace ppplan::tests
