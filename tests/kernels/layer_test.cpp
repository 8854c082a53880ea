// A whole decoder layer against double-precision loops, and against itself: chunks of a prompt and decode steps must
// give what the whole prompt gives. Tolerance 2e-5 of the largest value: about ten fp32 sums of a hundred products in a
// row.
#include "kernels/host/layer.h"

#include <gtest/gtest.h>

#include "tests/kernels/reference_layer.h"

namespace ppplan::tests {
namespace {

constexpr double kTolerance = 2e-5;
LayerShape dense(AttentionShape attention) {
  LayerShape shape;
  shape.hidden = 48;
  shape.attention = attention;
  shape.intermediate = 80;
  return shape;
}

LayerShape with_latents(LayerShape shape, kernels::host::LatentShape latent, int query_rank) {
  shape.latent = latent;
  shape.query_rank = query_rank;
  return shape;
}

// Grouped heads; a sliding window with biases; query and key norms; experts; experts beside a shared one; latent
// attention, its queries from x and from a latent of their own.
std::vector<LayerShape> shapes() {
  LayerShape plain = dense({6, 2, 8, 0});
  LayerShape window = dense({4, 4, 16, 7});
  window.qkv_bias = true;
  LayerShape norms = dense({4, 1, 24, 0});
  norms.qk_norm = true;
  LayerShape moe = dense({6, 3, 8, 0});
  moe.experts = 5;
  moe.experts_per_token = 2;
  LayerShape shared = moe;
  shared.shared_intermediate = 33;
  return {plain,
          window,
          norms,
          moe,
          shared,
          with_latents(plain, {3, 20, 8, 4, 12}, 0),
          with_latents(shared, {4, 16, 6, 8, 5}, 24)};
}

TEST(DecoderLayer, EqualsNaiveLayerForEverySequence) {
  std::mt19937 random(11);
  for (const LayerShape& shape : shapes()) {
    RandomLayer layer(shape, 2, 5);
    const int tokens = 37;
    const Buffer x = random_buffer(area(2 * tokens, shape.hidden), random);
    const Buffer y = layer.run({2, tokens, 0}, x.data());
    const std::size_t half = area(tokens, shape.hidden);
    for (std::size_t s = 0; s < 2; ++s) {
      const Doubles expected = ReferenceLayer(layer).run(slice(x.data(), s * half, half));
      EXPECT_LT(relative_difference(y.data() + s * half, expected), kTolerance);
    }
  }
}

TEST(DecoderLayer, ChunksOfAPromptEqualTheWholePrompt) {
  std::mt19937 random(12);
  for (const LayerShape& shape : shapes()) {
    RandomLayer whole(shape, 1, 6), chunked(shape, 1, 6);
    const Buffer x = random_buffer(area(90, shape.hidden), random);
    const Buffer expected = whole.run({1, 90, 0}, x.data());
    int past = 0;
    for (const int chunk : {1, 32, 50, 7}) {
      const Buffer y = chunked.run({1, chunk, past}, x.data() + area(past, shape.hidden));
      EXPECT_LT(relative_difference(y.data(), slice(expected.data(), area(past, shape.hidden), y.size())), kTolerance);
      past += chunk;
    }
  }
}

TEST(DecoderLayer, DecodeStepEqualsLastTokenOfPrefill) {
  std::mt19937 random(13);
  for (const LayerShape& shape : shapes()) {
    const int sequences = 3, past = 20;
    RandomLayer whole(shape, sequences, 7), stepped(shape, sequences, 7);
    const Buffer x = random_buffer(area(sequences * (past + 1), shape.hidden), random);
    const Buffer expected = whole.run({sequences, past + 1, 0}, x.data());
    Buffer prompt(area(sequences * past, shape.hidden)), last(area(sequences, shape.hidden));
    for (int s = 0; s < sequences; ++s) {
      const float* from = x.data() + area(s * (past + 1), shape.hidden);
      std::copy_n(from, area(past, shape.hidden), prompt.data() + area(s * past, shape.hidden));
      std::copy_n(from + area(past, shape.hidden), shape.hidden, last.data() + area(s, shape.hidden));
    }
    stepped.run({sequences, past, 0}, prompt.data());
    const Buffer y = stepped.run({sequences, 1, past}, last.data());
    for (int s = 0; s < sequences; ++s) {
      const std::size_t row = area(s * (past + 1) + past, shape.hidden);
      EXPECT_LT(
          relative_difference(y.data() + area(s, shape.hidden), slice(expected.data(), row, area(1, shape.hidden))),
          kTolerance);
    }
  }
}

TEST(DecoderLayer, RepeatsBitForBitInOtherMemory) {
  std::mt19937 random(14);
  for (const LayerShape& shape : shapes()) {
    RandomLayer first(shape, 2, 8), second(shape, 2, 8);
    const Buffer x = random_buffer(area(2 * 19, shape.hidden), random);
    const Buffer a = first.run({2, 19, 0}, x.data());
    const Buffer b = second.run({2, 19, 0}, x.data());
    EXPECT_TRUE(std::equal(a.data(), a.data() + a.size(), b.data()));
  }
}

}  // namespace
}  // namespace ppplan::tests
