// Every operation of every instruction set against independent double-precision loops on random data. Tolerances are
// relative to the largest expected value: 1e-5 for sums of up to a few hundred products in fp32 (unit roundoff 6e-8).
#include "kernels/host/operations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "kernels/host/rope_table.h"
#include "tests/kernels/reference.h"

namespace ppplan::tests {
namespace {

using kernels::host::available_operations;
using kernels::host::KvCache;
using kernels::host::Operations;

constexpr double kTolerance = 1e-5;

int draw(std::mt19937& random, int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); }

std::size_t area(int rows, int width) { return static_cast<std::size_t>(rows * width); }

class KernelOperations : public testing::TestWithParam<const Operations*> {
 protected:
  const Operations& ops() const { return *GetParam(); }
  std::mt19937 random_{20240607};
};

TEST_P(KernelOperations, LinearEqualsNaiveProduct) {
  for (int trial = 0; trial < 20; ++trial) {
    const int rows = draw(random_, 1, 70), inputs = draw(random_, 1, 130), outputs = draw(random_, 1, 90);
    const Buffer x = random_buffer(area(rows, inputs), random_);
    const Buffer weight = random_buffer(area(outputs, inputs), random_);
    const Buffer bias = random_buffer(area(1, outputs), random_);
    Buffer out(area(rows, outputs));
    ops().linear(x.data(), weight.data(), bias.data(), rows, inputs, outputs, out.data());
    EXPECT_LT(relative_difference(out.data(),
                                  reference_linear(doubles(x), doubles(weight), doubles(bias), rows, inputs, outputs)),
              kTolerance);
    ops().linear(x.data(), weight.data(), nullptr, rows, inputs, outputs, out.data());
    EXPECT_LT(relative_difference(out.data(), reference_linear(doubles(x), doubles(weight), {}, rows, inputs, outputs)),
              kTolerance);
  }
}

TEST_P(KernelOperations, RmsNormEqualsNaiveAlsoInPlace) {
  for (const int width : {1, 7, 64, 384}) {
    const int rows = 5;
    Buffer x = random_buffer(area(rows, width), random_, 3.0f);
    const Buffer gain = random_buffer(area(1, width), random_);
    const Doubles expected = reference_rms_norm(doubles(x), doubles(gain), 1e-5);
    Buffer out(x.size());
    ops().rms_norm(x.data(), gain.data(), 1e-5f, rows, width, width, out.data());
    EXPECT_LT(relative_difference(out.data(), expected), kTolerance);
    ops().rms_norm(x.data(), gain.data(), 1e-5f, rows, width, width, x.data());
    EXPECT_LT(relative_difference(x.data(), expected), kTolerance);
  }
}

TEST_P(KernelOperations, RopeRotatesHalvesByPosition) {
  const int tokens = 9, heads = 3, head_dim = 16, first = 1000, stride = heads * head_dim + 5;
  const kernels::host::RopeTable table(500000.0, first + tokens, head_dim);
  Buffer x = random_buffer(area(tokens, stride), random_);
  Doubles expected = doubles(x);
  for (int t = 0; t < tokens; ++t) {
    for (int h = 0; h < heads; ++h) {
      reference_rope(&expected[area(t, stride) + area(h, head_dim)], head_dim, first + t, 500000.0);
    }
  }
  ops().rope(x.data(), table.cosines(first), table.sines(first), tokens, heads, head_dim, stride);
  EXPECT_LT(relative_difference(x.data(), expected), kTolerance);  // also what lies between the rows is untouched
}

TEST_P(KernelOperations, AttentionOverCacheEqualsNaive) {
  for (int trial = 0; trial < 40; ++trial) {
    AttentionShape shape;
    shape.kv_heads = draw(random_, 1, 3);
    shape.heads = shape.kv_heads * draw(random_, 1, 4);
    shape.head_dim = 2 * draw(random_, 1, 20);
    shape.window = trial % 3 == 0 ? draw(random_, 1, 40) : 0;
    const int tokens = trial % 4 == 0 ? 1 : draw(random_, 1, 150);  // more than one block of queries; decode
    const int past = trial % 2 == 0 ? draw(random_, 0, 90) : 0;
    const int positions = past + tokens;
    const int width = shape.heads * shape.head_dim, kv_width = shape.kv_heads * shape.head_dim;
    const Buffer queries = random_buffer(area(tokens, width), random_);
    const Buffer keys = random_buffer(area(positions, kv_width), random_);
    const Buffer values = random_buffer(area(positions, kv_width), random_);

    const int capacity = positions + draw(random_, 0, 3);
    Buffer cached_keys(area(capacity, kv_width)), cached_values(area(capacity, kv_width));
    const KvCache cache{cached_keys.data(), cached_values.data(), capacity};
    ops().store_kv(keys.data(), values.data(), kv_width, past, 0, shape, cache);
    ops().store_kv(keys.data() + area(past, kv_width), values.data() + area(past, kv_width), kv_width, tokens, past,
                   shape, cache);
    Buffer scratch(kernels::host::attention_scratch(shape, tokens, positions));
    Buffer out(area(tokens, width));
    ops().attention({queries.data(), width, tokens, past}, shape, cache, scratch.data(), out.data());
    EXPECT_LT(relative_difference(out.data(), reference_attention(doubles(queries), doubles(keys), doubles(values),
                                                                  shape, tokens, past)),
              kTolerance)
        << "trial " << trial;
  }
}

TEST_P(KernelOperations, AttentionOfAWindowOfOneReturnsTheTokensOwnValue) {
  const AttentionShape shape{1, 1, 4, 1};
  const Buffer x = random_buffer(area(6, 4), random_);
  Buffer keys(area(6, 4)), values(area(6, 4)), out(area(6, 4));
  const KvCache cache{keys.data(), values.data(), 6};
  ops().store_kv(x.data(), x.data(), 4, 6, 0, shape, cache);
  Buffer scratch(kernels::host::attention_scratch(shape, 6, 6));
  ops().attention({x.data(), 4, 6, 0}, shape, cache, scratch.data(), out.data());
  EXPECT_LT(relative_difference(out.data(), doubles(x)), kTolerance);
}

/// Each head's keys and values, spelled out, through attention of a head alone: values are padded to the keys' width.
Doubles reference_latent_attention(const Doubles& queries, const Doubles& cache, const Doubles& key_up,
                                   const Doubles& value_up, const kernels::host::LatentShape& s, int tokens, int past) {
  const int width = s.nope + s.rope;
  Doubles out(area(tokens, s.heads * s.value));
  for (int head = 0; head < s.heads; ++head) {
    Doubles query(area(tokens, width)), keys(area(past + tokens, width)), values(keys.size());
    for (int t = 0; t < tokens; ++t)
      std::copy_n(&queries[area(t * s.heads + head, width)], width, &query[area(t, width)]);
    for (int p = 0; p < past + tokens; ++p) {
      const double* token = &cache[area(p, s.cached())];
      const auto project = [&](const Doubles& up, int row) {
        return std::inner_product(token, token + s.latent, &up[area(row, s.latent)], 0.0);
      };
      for (int i = 0; i < s.nope; ++i) keys[area(p, width) + area(i, 1)] = project(key_up, head * s.nope + i);
      std::copy_n(token + s.latent, s.rope, &keys[area(p, width) + area(s.nope, 1)]);
      for (int i = 0; i < s.value; ++i) values[area(p, width) + area(i, 1)] = project(value_up, head * s.value + i);
    }
    const Doubles attended = reference_attention(query, keys, values, {1, 1, width, 0}, tokens, past);
    for (int t = 0; t < tokens; ++t)
      std::copy_n(&attended[area(t, width)], s.value, &out[area(t * s.heads + head, s.value)]);
  }
  return out;
}

TEST_P(KernelOperations, LatentAttentionEqualsAttentionOfSpelledOutHeads) {
  for (int trial = 0; trial < 15; ++trial) {
    const int rope = 2 * draw(random_, 1, 8), nope = draw(random_, 1, 20);
    const kernels::host::LatentShape s{draw(random_, 1, 5), draw(random_, 1, 40), nope, rope,
                                       draw(random_, 1, nope + rope)};
    const int tokens = draw(random_, 1, 70), past = draw(random_, 0, 30);
    const Buffer queries = random_buffer(area(tokens, s.heads * (nope + rope)), random_);
    const Buffer key_up = random_buffer(area(s.heads * nope, s.latent), random_);
    const Buffer value_up = random_buffer(area(s.heads * s.value, s.latent), random_);
    Buffer cache = random_buffer(area(past + tokens, s.cached()), random_);
    Buffer scratch(kernels::host::latent_scratch(s, tokens, past + tokens)), out(area(tokens, s.heads * s.value));
    ops().latent_attention({queries.data(), s.heads * (nope + rope), tokens, past}, s, {cache.data(), past + tokens},
                           key_up.data(), value_up.data(), scratch.data(), out.data());
    EXPECT_LT(
        relative_difference(out.data(), reference_latent_attention(doubles(queries), doubles(cache), doubles(key_up),
                                                                   doubles(value_up), s, tokens, past)),
        10 * kTolerance)  // keys are sums of up to 40 products, so scores reach some tens
        << "trial " << trial;
  }
}

TEST_P(KernelOperations, SwigluEqualsNaive) {
  for (const int width : {1, 13, 256}) {
    const Buffer gate_up = random_buffer(area(4, 2 * width), random_, 4.0f);
    Buffer out(area(4, width));
    ops().swiglu(gate_up.data(), 4, width, out.data());
    EXPECT_LT(relative_difference(out.data(), reference_swiglu(doubles(gate_up), 4, width)), kTolerance);
  }
}

TEST_P(KernelOperations, AddAddsInPlace) {
  Buffer a = random_buffer(37, random_);
  const Buffer b = random_buffer(37, random_);
  Doubles expected = doubles(a);
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += b.data()[i];
  ops().add(a.data(), b.data(), 37, a.data());
  EXPECT_LT(relative_difference(a.data(), expected), kTolerance);
}

TEST_P(KernelOperations, RouteTakesTheLargestAndRenormalises) {
  const int tokens = 30, experts = 8, chosen = 3;
  const Buffer logits = random_buffer(area(tokens, experts), random_, 2.0f);
  std::vector<int> expert(area(tokens, chosen));
  Buffer weight(area(tokens, chosen));
  ops().route(logits.data(), tokens, experts, chosen, expert.data(), weight.data());
  for (int t = 0; t < tokens; ++t) {
    const float* row = logits.data() + area(t, experts);
    std::vector<int> order(experts);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return row[a] > row[b]; });
    double sum = 0;
    for (int i = 0; i < chosen; ++i) sum += std::exp(static_cast<double>(row[order[static_cast<std::size_t>(i)]]));
    for (int i = 0; i < chosen; ++i) {
      const std::size_t at = area(t, chosen) + static_cast<std::size_t>(i);
      EXPECT_EQ(expert[at], order[static_cast<std::size_t>(i)]);
      EXPECT_NEAR(weight.data()[at], std::exp(static_cast<double>(row[expert[at]])) / sum, kTolerance);
    }
  }
}

TEST_P(KernelOperations, RoutePrefersTheLowerIndexAmongEquals) {
  const std::vector<float> logits{1, 2, 2, 2};
  std::vector<int> expert(2);
  std::vector<float> weight(2);
  ops().route(logits.data(), 1, 4, 2, expert.data(), weight.data());
  EXPECT_THAT(expert, testing::ElementsAre(1, 2));
  EXPECT_THAT(weight, testing::ElementsAre(0.5f, 0.5f));
}

TEST_P(KernelOperations, EmbedAndGatherCopyRowsAndScatterAddsThemWeighted) {
  const Buffer table = random_buffer(area(10, 3), random_);
  const std::vector<int> rows{7, 0, 7};
  Buffer embedded(9), gathered(9), sums(30);
  ops().embed(rows.data(), table.data(), 3, 3, embedded.data());
  ops().gather(table.data(), rows.data(), 3, 3, gathered.data());
  const std::vector<float> weight{0.5f, 1.0f, 0.25f};
  ops().scatter_add(gathered.data(), rows.data(), weight.data(), 3, 3, sums.data());
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(embedded.data()[i], table.data()[21 + i]);
    EXPECT_EQ(embedded.data()[3 + i], table.data()[i]);
    EXPECT_EQ(gathered.data()[6 + i], table.data()[21 + i]);
    EXPECT_FLOAT_EQ(sums.data()[21 + i], 0.75f * table.data()[21 + i]);
    EXPECT_EQ(sums.data()[i], table.data()[i]);
    EXPECT_EQ(sums.data()[3 + i], 0.0f);
  }
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, KernelOperations, testing::ValuesIn(available_operations()),
                         [](const auto& set) { return std::string(set.param->instructions); });

TEST(InstructionSets, TheLastAvailableIsUsed) {
  ASSERT_FALSE(available_operations().empty());
  EXPECT_EQ(available_operations().front()->instructions, "baseline");
  EXPECT_EQ(&kernels::host::operations(), available_operations().back());
}

}  // namespace
}  // namespace ppplan::tests
