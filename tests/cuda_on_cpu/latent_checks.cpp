#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/host/rope_table.h"
#include "tests/cuda_on_cpu/check_data.h"
#include "tests/cuda_on_cpu/checks.h"

namespace ppplan::tests {
namespace {

using kernels::cuda::PagedLatents;
using kernels::host::LatentCache;
using kernels::host::LatentShape;

constexpr int kPositions = 50;

/// Sequences whose latents lie in pages of a random order, among pages of NaN, and one after another.
struct Latents {
  int page_tokens = 16;
  int most_pages = 1;
  std::vector<int> new_tokens, kv_tokens, query_start{0}, page_table;
  std::vector<Bf16> paged;
  std::vector<Values> tokens;  // [kv_tokens, latent + rope] of each sequence
  int count() const { return static_cast<int>(kv_tokens.size()); }
};

void draw_pages(Latents& s, const LatentShape& shape, Draws& draws) {
  for (const int tokens : s.kv_tokens)
    s.most_pages = std::max(s.most_pages, (tokens + s.page_tokens - 1) / s.page_tokens);
  std::vector<int> pages(area(s.count(), s.most_pages));
  std::iota(pages.begin(), pages.end(), 0);
  std::shuffle(pages.begin(), pages.end(), draws.random());
  s.page_table = pages;
  s.paged = unwritten(pages.size() * area(s.page_tokens, shape.cached()));
}

Latents draw_latents(const LatentShape& shape, Draws& draws) {
  Latents s;
  s.page_tokens = draws.one_of({1, 5, 16});
  for (int sequence = draws.between(1, 2); sequence > 0; --sequence) {
    s.new_tokens.push_back(draws.one_of({0, 1, 1, 3}));
    s.kv_tokens.push_back(s.new_tokens.back() + draws.one_of({0, 1, 15, 16, 17, 33}));
    s.query_start.push_back(s.query_start.back() + s.new_tokens.back());
  }
  draw_pages(s, shape, draws);
  for (int sequence = 0; sequence < s.count(); ++sequence) {
    const int tokens = s.kv_tokens[static_cast<std::size_t>(sequence)];
    s.tokens.push_back(random_values(area(tokens, shape.cached()), draws));
    for (int page = 0; page < s.most_pages; ++page) {
      int& entry = s.page_table[area(sequence, s.most_pages) + static_cast<std::size_t>(page)];
      const int first = page * s.page_tokens, last = std::min(tokens, first + s.page_tokens);
      if (first < last)
        std::copy_n(s.tokens.back().device.data() + area(first, shape.cached()), area(last - first, shape.cached()),
                    s.paged.data() + area(entry * s.page_tokens, shape.cached()));
      else
        entry = std::numeric_limits<int>::min();  // names no page
    }
  }
  return s;
}

/// An absorbed query is one whose projections are the identity: every head's key is the latent itself.
Buffer identities(int heads, int size) {
  Buffer out(area(heads * size, size));
  std::fill_n(out.data(), out.size(), 0.0f);
  for (int row = 0; row < heads * size; ++row) out.data()[area(row, size) + static_cast<std::size_t>(row % size)] = 1;
  return out;
}

/// latent_attention() of kernels/host over the latents.
void attend(const Latents& s, const LatentShape& shape, const Values& queries, float* out) {
  const Buffer identity = identities(shape.heads, shape.latent);
  for (int sequence = 0; sequence < s.count(); ++sequence) {
    const auto at = static_cast<std::size_t>(sequence);
    const int tokens = s.new_tokens[at], kv = s.kv_tokens[at], width = shape.heads * shape.cached();
    if (tokens == 0) continue;
    Buffer cache(s.tokens[at].host.size()), scratch(kernels::host::latent_scratch(shape, tokens, kv));
    std::copy_n(s.tokens[at].host.data(), cache.size(), cache.data());
    kernels::host::operations().latent_attention(
        {queries.host.data() + area(s.query_start[at], width), width, tokens, kv - tokens}, shape,
        LatentCache{cache.data(), kv}, identity.data(), identity.data(), scratch.data(),
        out + area(s.query_start[at], shape.heads * shape.latent));
  }
}

}  // namespace

std::string check_latent_attention(const CudaOperations& operations, unsigned seed) {
  Draws draws(seed);
  const bool large = draws.between(0, 3) == 0;
  LatentShape shape;
  shape.heads = draws.one_of({1, 3, 16, 17});
  shape.latent = shape.nope = shape.value = large ? 512 : 256;
  shape.rope = large ? 64 : 32;
  const Latents s = draw_latents(shape, draws);
  const int rows = s.query_start.back();
  const Values queries = random_values(area(rows, shape.heads * shape.cached()), draws);
  std::vector<Bf16> out = unwritten(area(rows, shape.heads * shape.latent)), paged = s.paged;
  operations.latent_attention(queries.device.data(), s.query_start.data(),
                              *std::max_element(s.new_tokens.begin(), s.new_tokens.end()), shape,
                              PagedLatents{paged.data(), s.page_tokens},
                              {s.count(), s.kv_tokens.data(), s.page_table.data(), s.most_pages}, out.data(), nullptr);
  std::vector<float> expected(out.size());
  attend(s, shape, queries, expected.data());
  // Weights keep fp32; scores are sums of up to 576 products in another order. Weights sum to 1, so what 1e-4 of them
  // may move is less than that much of the largest value, which is below 5.
  return compare("latent_attention", out.data(), expected.data(), out.size(),
                 [&](std::size_t i) { return kRounding * std::abs(expected[i]) + 5e-4f; });
}

std::string check_rope_store_latent(const CudaOperations& operations, unsigned seed) {
  Draws draws(seed);
  LatentShape shape;
  shape.heads = draws.one_of({1, 3, 16});
  shape.latent = draws.one_of({8, 256});
  shape.nope = draws.one_of({2, 64});
  shape.rope = draws.one_of({2, 6, 64});
  const int tokens = draws.between(1, 4), slots = 2 * tokens, width = shape.nope + shape.rope;
  const int query_stride = shape.heads * width + draws.one_of({0, 8}), latent_stride = shape.cached() + query_stride;
  const kernels::host::RopeTable table(10000.0, kPositions, shape.rope);
  std::vector<int> position, slot(static_cast<std::size_t>(slots));
  for (int token = 0; token < tokens; ++token) position.push_back(draws.between(0, kPositions - 1));
  std::iota(slot.begin(), slot.end(), 0);
  std::shuffle(slot.begin(), slot.end(), draws.random());
  if (tokens > 2) slot[0] = -1;
  Values queries = random_values(area(tokens, query_stride), draws);
  Values latents = random_values(area(tokens, latent_stride), draws);
  std::vector<Bf16> cache = unwritten(area(slots, shape.cached()));
  std::vector<Bf16> absorbed = unwritten(area(tokens * shape.heads, shape.cached()));
  operations.rope_store_latent({queries.device.data(), query_stride, latents.device.data(), latent_stride},
                               position.data(), slot.data(), table.cosines(0), table.sines(0), tokens, shape,
                               PagedLatents{cache.data(), 2}, absorbed.data(), nullptr);
  std::vector<float> expected(cache.size(), NAN), expected_queries(absorbed.size(), NAN);
  for (int token = 0; token < tokens; ++token) {
    const auto at = static_cast<std::size_t>(token);
    const auto rotate = [&](float* x) {
      kernels::host::operations().rope(x, table.cosines(position[at]), table.sines(position[at]), 1, 1, shape.rope,
                                       shape.rope);
    };
    for (int head = 0; head < shape.heads; ++head) {
      float* const part = queries.host.data() + area(token, query_stride) + area(head, width) + shape.nope;
      rotate(part);
      std::copy_n(part, shape.rope,
                  expected_queries.data() + area(token * shape.heads + head, shape.cached()) + shape.latent);
    }
    float* const latent = latents.host.data() + area(token, latent_stride);
    rotate(latent + shape.latent);
    if (slot[at] >= 0) std::copy_n(latent, shape.cached(), expected.data() + area(slot[at], shape.cached()));
  }
  // fp32 products of values up to 8 in size that nearly cancel leave 1e-5.
  const auto compared = [](const char* name, const std::vector<Bf16>& written, const std::vector<float>& wanted) {
    for (std::size_t i = 0; i < written.size(); ++i) {
      const float value = __bfloat162float(written[i]);
      const bool is_same = std::isnan(wanted[i])
                               ? std::isnan(value)
                               : std::abs(value - wanted[i]) <= kRounding * std::abs(wanted[i]) + 1e-5f;
      if (!is_same) return difference(name, i, value, wanted[i]);
    }
    return std::string();
  };
  const std::string found = compared("queries", absorbed, expected_queries);
  return found.empty() ? compared("cache", cache, expected) : found;
}

}  // namespace ppplan::tests
