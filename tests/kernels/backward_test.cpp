// Operations of the backward that a layer's gradients (layer_backward_test.cpp) don't reach, in every instruction set,
// against double-precision formulas.
#include "kernels/host/backward.h"

#include <gtest/gtest.h>

#include "tests/kernels/reference.h"

namespace ppplan::tests {
namespace {

using kernels::host::AdamW;
using kernels::host::available_backward_operations;
using kernels::host::BackwardOperations;

class BackwardKernels : public testing::TestWithParam<const BackwardOperations*> {
 protected:
  const BackwardOperations& ops() const { return *GetParam(); }
  std::mt19937 random_{20260101};
};

TEST_P(BackwardKernels, CrossEntropyGivesLossAndScaledGradient) {
  const int rows = 5, vocabulary = 37;
  Buffer logits = random_buffer(rows * vocabulary, random_, 3.0f);
  const Doubles before = doubles(logits);
  const std::vector<int> target{0, 36, 12, 12, 5};
  Buffer loss(rows);
  const float scale = 0.25f;
  ops().cross_entropy(logits.data(), target.data(), rows, vocabulary, scale, loss.data());
  for (std::size_t r = 0; r < rows; ++r) {
    double sum = 0;
    for (std::size_t i = 0; i < vocabulary; ++i) sum += std::exp(before[r * vocabulary + i]);
    const auto hit = static_cast<std::size_t>(target[r]);
    EXPECT_NEAR(loss.data()[r], std::log(sum) - before[r * vocabulary + hit], 1e-5);
    for (std::size_t i = 0; i < vocabulary; ++i) {
      const double share = std::exp(before[r * vocabulary + i]) / sum;
      EXPECT_NEAR(logits.data()[r * vocabulary + i], 0.25 * (share - (i == hit ? 1 : 0)), 1e-6);
    }
  }
}

TEST_P(BackwardKernels, CrossEntropyOfLargeLogitsStaysFinite) {
  Buffer logits(2);
  logits.data()[0] = 200.0f;  // exp(200) is no float
  Buffer loss(1);
  const int target = 1;
  ops().cross_entropy(logits.data(), &target, 1, 2, 1.0f, loss.data());
  EXPECT_FLOAT_EQ(loss.data()[0], 200.0f);
  EXPECT_FLOAT_EQ(logits.data()[1], -1.0f);
}

TEST_P(BackwardKernels, ScatterAddsRowsWhereTheyCameFrom) {
  const Buffer x = random_buffer(9, random_);
  const std::vector<int> row{2, 0, 2};
  Buffer out(12);
  ops().scatter(x.data(), row.data(), 3, 3, out.data());
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_FLOAT_EQ(out.data()[6 + i], x.data()[i] + x.data()[6 + i]);
    EXPECT_FLOAT_EQ(out.data()[i], x.data()[3 + i]);
    EXPECT_EQ(out.data()[3 + i], 0.0f);
  }
}

TEST_P(BackwardKernels, AdamWFollowsItsFormula) {
  const std::size_t count = 21;
  const AdamW options{0.01f, 0.8f, 0.9f, 1e-6f, 0.1f};
  Buffer weight = random_buffer(count, random_), mean(count), square(count);
  Doubles w = doubles(weight), m(count, 0.0), v(count, 0.0);
  for (int step = 1; step <= 3; ++step) {
    const Buffer gradient = random_buffer(count, random_);
    ops().adamw(weight.data(), gradient.data(), mean.data(), square.data(), count, options, step);
    for (std::size_t i = 0; i < count; ++i) {
      const double g = gradient.data()[i];
      m[i] = 0.8 * m[i] + 0.2 * g;
      v[i] = 0.9 * v[i] + 0.1 * g * g;
      const double direction = m[i] / (1 - std::pow(0.8, step)) / (std::sqrt(v[i] / (1 - std::pow(0.9, step))) + 1e-6);
      w[i] -= 0.01 * (direction + 0.1 * w[i]);
    }
  }
  EXPECT_LT(relative_difference(weight.data(), w), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, BackwardKernels, testing::ValuesIn(available_backward_operations()),
                         [](const auto& set) { return std::string(set.param->instructions); });

TEST(InstructionSets, BothDirectionsUseTheSame) {
  EXPECT_EQ(kernels::host::backward_operations().instructions, kernels::host::operations().instructions);
}

}  // namespace
}  // namespace ppplan::tests
