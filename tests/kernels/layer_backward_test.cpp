// Gradients of a whole layer against central differences of the double-precision layer.
//
// The loss is the sum of c y over random c. Weights and inputs are floats; one is moved to w + d and w - d with d about
// 2^-10, and the difference of the two losses in double precision is divided by the exact distance of the two floats.
// What is left is the third derivative times d^2 / 6 = 2e-7, and the fp32 rounding of the gradient itself, about ten
// sums of a hundred products in a row (2e-5 as in layer_test.cpp): 1e-4 of the largest gradient of the array.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/host/layer_training.h"
#include "tests/kernels/reference_layer.h"

namespace ppplan::tests {
namespace {

using kernels::host::BackwardOperations;
using kernels::host::BufferPool;
using kernels::host::LayerActivations;
using kernels::host::LayerGradients;
using kernels::host::Operations;
using kernels::host::TrainedLayer;
using kernels::host::TrainingWorkspace;

constexpr double kTolerance = 1e-4;

struct Part {
  const char* name;
  const float* LayerWeights::*weight;
  float* LayerGradients::*gradient;
  std::size_t count;
};

std::vector<Part> parts(const LayerShape& s) {
  const int blocks = std::max(s.experts, 1);
  const std::vector<Part> all{
      {"attention_norm", &LayerWeights::attention_norm, &LayerGradients::attention_norm, area(1, s.hidden)},
      {"qkv", &LayerWeights::qkv, &LayerGradients::qkv, area(s.qkv_width(), s.hidden)},
      {"qkv_bias", &LayerWeights::qkv_bias, &LayerGradients::qkv_bias, s.qkv_bias ? area(1, s.qkv_width()) : 0},
      {"query_norm", &LayerWeights::query_norm, &LayerGradients::query_norm,
       s.qk_norm ? area(1, s.attention.head_dim) : 0},
      {"key_norm", &LayerWeights::key_norm, &LayerGradients::key_norm, s.qk_norm ? area(1, s.attention.head_dim) : 0},
      {"attention_output", &LayerWeights::attention_output, &LayerGradients::attention_output,
       area(s.hidden, s.attention_width())},
      {"feed_forward_norm", &LayerWeights::feed_forward_norm, &LayerGradients::feed_forward_norm, area(1, s.hidden)},
      {"router", &LayerWeights::router, &LayerGradients::router, area(s.experts, s.hidden)},
      {"gate_up", &LayerWeights::gate_up, &LayerGradients::gate_up, area(blocks * 2 * s.intermediate, s.hidden)},
      {"down", &LayerWeights::down, &LayerGradients::down, area(blocks * s.hidden, s.intermediate)},
      {"shared_gate_up", &LayerWeights::shared_gate_up, &LayerGradients::shared_gate_up,
       area(2 * s.shared_intermediate, s.hidden)},
      {"shared_down", &LayerWeights::shared_down, &LayerGradients::shared_down, area(s.hidden, s.shared_intermediate)}};
  std::vector<Part> present;
  std::copy_if(all.begin(), all.end(), std::back_inserter(present), [](const Part& part) { return part.count > 0; });
  return present;
}

LayerShape dense(AttentionShape attention) {
  LayerShape shape;
  shape.hidden = 20;
  shape.attention = attention;
  shape.intermediate = 24;
  return shape;
}

struct Case {
  const char* name;
  LayerShape shape;
  int sequences;
  int tokens;
};

// The last is longer than a block of queries.
std::vector<Case> cases() {
  LayerShape window = dense({2, 2, 8, 3});
  window.qkv_bias = true;
  LayerShape norms = dense({4, 1, 6, 0});
  norms.qk_norm = true;
  LayerShape moe = dense({4, 2, 6, 0});
  moe.experts = 5;
  moe.experts_per_token = 2;
  LayerShape shared = moe;
  shared.shared_intermediate = 9;
  return {{"grouped heads", dense({4, 2, 6, 0}), 2, 7},
          {"window and biases", window, 2, 7},
          {"query and key norms", norms, 2, 7},
          {"experts", moe, 2, 7},
          {"experts beside a shared one", shared, 3, 5},
          {"two blocks of queries", dense({2, 1, 4, 0}), 1, 70},
          {"window over two blocks", dense({2, 1, 4, 20}), 1, 70}};
}

// One batch through a layer and back.
struct Trained {
  Trained(const Case& c, unsigned seed, std::size_t set = kernels::host::available_operations().size() - 1)
      : layer(c.shape, 0, seed), batch{c.sequences, c.tokens, 0}, work(std::span(&layer.shape, 1), batch), set_(set) {
    std::mt19937 random(seed + 1);
    const std::size_t size = area(batch.rows(), c.shape.hidden);
    x = random_buffer(size, random);
    factor = random_buffer(size, random);
    y = Buffer(size);
    x_gradient = Buffer(size);
    for (const Part& part : parts(c.shape)) {
      memory.emplace_back(part.count);
      gradients.*part.gradient = memory.back().data();
    }
  }
  TrainedLayer trained() {
    return {*kernels::host::available_operations()[set_],
            *kernels::host::available_backward_operations()[set_],
            layer.shape,
            layer.weights,
            layer.rope,
            batch,
            work,
            kept};
  }
  void forward() {
    kept.acquire(layer.shape, batch.rows(), pool);
    kernels::host::layer_forward(trained(), x.data(), y.data());
  }
  void backward() {
    kernels::host::layer_backward_input(trained(), x.data(), factor.data(), x_gradient.data(), pool);
    kernels::host::layer_backward_weight(trained(), factor.data(), gradients);
  }
  double loss() const {
    double sum = 0;
    const std::size_t size = area(batch.new_tokens, layer.shape.hidden);
    for (int s = 0; s < batch.sequences; ++s) {
      const std::size_t first = static_cast<std::size_t>(s) * size;
      const Doubles out = ReferenceLayer(layer).run(slice(x.data(), first, size));
      for (std::size_t i = 0; i < size; ++i) sum += out[i] * static_cast<double>(factor.data()[first + i]);
    }
    return sum;
  }
  double slope(float& value) const {
    const float before = value, distance = 0x1p-10f;
    value = before + distance;
    const double high = loss(), above = value;
    value = before - distance;
    const double low = loss(), below = value;
    value = before;
    return (high - low) / (above - below);
  }

  RandomLayer layer;
  LayerBatch batch;
  TrainingWorkspace work;
  std::size_t set_;
  LayerActivations kept;
  BufferPool pool;
  Buffer x, factor, y, x_gradient;
  std::vector<Buffer> memory;
  LayerGradients gradients;
};

// Up to `samples` random places of an array, against the slope there.
void expect_slopes(const Trained& trained, float* values, const float* gradient, std::size_t count, int samples,
                   std::mt19937& random) {
  double largest = 0.1;
  for (std::size_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(static_cast<double>(gradient[i])));
  for (int sample = 0; sample < samples; ++sample) {
    const std::size_t i = random() % count;
    EXPECT_NEAR(gradient[i], trained.slope(values[i]), kTolerance * largest) << "at " << i << " of " << count;
  }
}

class LayerBackward : public testing::TestWithParam<std::size_t> {};

TEST_P(LayerBackward, EqualsCentralDifferences) {
  std::mt19937 random(31);
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    Trained trained(c, 7, GetParam());
    const int samples = c.tokens > 64 ? 3 : 8;
    trained.forward();
    trained.backward();
    {
      SCOPED_TRACE("x");
      expect_slopes(trained, trained.x.data(), trained.x_gradient.data(), trained.x.size(), 3 * samples, random);
    }
    for (const Part& part : parts(c.shape)) {
      SCOPED_TRACE(part.name);
      // The weights belong to the layer's own buffers.
      auto* values = const_cast<float*>(trained.layer.weights.*part.weight);
      expect_slopes(trained, values, trained.gradients.*part.gradient, part.count, samples, random);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, LayerBackward,
                         testing::Range(std::size_t{0}, kernels::host::available_operations().size()));

TEST(LayerTraining, ForwardEqualsTheServedLayerBitForBit) {
  for (const Case& c : cases()) {
    Trained trained(c, 8);
    trained.forward();
    RandomLayer served(c.shape, c.sequences, 8);
    const Buffer y = served.run(trained.batch, trained.x.data());
    EXPECT_TRUE(std::equal(y.data(), y.data() + y.size(), trained.y.data())) << c.name;
  }
}

TEST(LayerTraining, InputGradientMayTakeThePlaceOfTheInput) {
  for (const Case& c : cases()) {
    Trained apart(c, 9), in_place(c, 9);
    apart.forward();
    apart.backward();
    in_place.forward();
    kernels::host::layer_backward_input(in_place.trained(), in_place.x.data(), in_place.factor.data(),
                                        in_place.x.data(), in_place.pool);
    EXPECT_TRUE(std::equal(in_place.x.data(), in_place.x.data() + in_place.x.size(), apart.x_gradient.data()))
        << c.name;
  }
}

TEST(LayerTraining, RepeatsBitForBitAndAddsToWhatWasAccumulated) {
  for (const Case& c : cases()) {
    Trained once(c, 10), twice(c, 10);
    once.forward();
    once.backward();
    twice.forward();
    twice.backward();
    twice.kept.release(twice.pool);
    twice.forward();  // in buffers that hold what the first pass left
    twice.backward();
    EXPECT_TRUE(
        std::equal(once.x_gradient.data(), once.x_gradient.data() + once.x_gradient.size(), twice.x_gradient.data()));
    for (std::size_t p = 0; p < once.memory.size(); ++p) {
      for (std::size_t i = 0; i < once.memory[p].size(); ++i) {
        const float single = once.memory[p].data()[i];
        // Rounded after each addition: equal to twice the first up to one unit of each product of a row.
        EXPECT_NEAR(twice.memory[p].data()[i], 2 * single, 1e-5 * std::max(1.0f, std::abs(single)));
      }
    }
  }
}

TEST(LayerTraining, HoldsWhatItsHeaderSays) {
  for (const Case& c : cases()) {
    Trained trained(c, 11);
    trained.forward();
    const LayerShape& s = c.shape;
    const int r = trained.batch.rows(), times = std::max(s.experts_per_token, 1);
    const std::size_t gains =
        2 * Buffer::aligned(area(1, s.hidden)) + (s.qk_norm ? 2 * Buffer::aligned(area(1, s.attention.head_dim)) : 0);
    const std::size_t floats = area(r, 3 * s.hidden + s.qkv_width() + s.attention_width() + 3 * times * s.intermediate +
                                           3 * s.shared_intermediate + s.experts + s.experts_per_token) +
                               gains;
    const std::size_t norms =
        s.qk_norm ? area(r, (s.attention.heads + s.attention.kv_heads) * s.attention.head_dim) : 0;
    EXPECT_EQ(trained.pool.live_bytes(), static_cast<std::int64_t>(4 * (floats + norms))) << c.name;
    trained.backward();
    EXPECT_EQ(trained.pool.live_bytes(), static_cast<std::int64_t>(4 * floats)) << c.name;
    trained.kept.release(trained.pool);
    EXPECT_EQ(trained.pool.live_bytes(), 0) << c.name;
    EXPECT_EQ(trained.pool.peak_bytes(), static_cast<std::int64_t>(4 * (floats + norms))) << c.name;
  }
}

}  // namespace
}  // namespace ppplan::tests
