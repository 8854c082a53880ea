#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tests/cuda_on_cpu/check_data.h"
#include "tests/cuda_on_cpu/checks.h"

namespace ppplan::tests {
namespace {

using kernels::cuda::AttentionShape;
using kernels::cuda::PagedBatch;
using kernels::cuda::PagedKv;
using kernels::host::KvCache;

/// Sequences whose keys and values lie both in pages, in a random order among pages of NaN, and one after another.
struct Sequences {
  AttentionShape shape;
  int page_tokens = 16;
  int most_pages = 1;
  std::vector<int> new_tokens, kv_tokens, query_start, page_table;
  std::vector<Bf16> paged_keys, paged_values;
  std::vector<Values> keys, values;  // [kv_heads, kv_tokens, head_dim] of each sequence
  Values queries;                    // [rows, query_stride]
  int query_stride = 0;

  int count() const { return static_cast<int>(kv_tokens.size()); }
  PagedKv cache() { return {paged_keys.data(), paged_values.data(), page_tokens}; }
  PagedBatch batch() const { return {count(), kv_tokens.data(), page_table.data(), most_pages}; }
};

void draw_pages(Sequences& s, Draws& draws) {
  for (const int tokens : s.kv_tokens)
    s.most_pages = std::max(s.most_pages, (tokens + s.page_tokens - 1) / s.page_tokens);
  std::vector<int> pages(area(s.count(), s.most_pages) + 2);
  std::iota(pages.begin(), pages.end(), 0);
  std::shuffle(pages.begin(), pages.end(), draws.random());
  s.page_table.assign(pages.begin(), pages.end() - 2);
  const std::size_t size = pages.size() * area(s.shape.kv_heads * s.page_tokens, s.shape.head_dim);
  s.paged_keys = unwritten(size);
  s.paged_values = unwritten(size);
}

void fill_pages(const Sequences& s, int sequence, const Values& from, std::vector<Bf16>& paged) {
  const int tokens = s.kv_tokens[static_cast<std::size_t>(sequence)];
  for (int head = 0; head < s.shape.kv_heads; ++head)
    for (int token = 0; token < tokens; ++token) {
      const int page = s.page_table[area(sequence, s.most_pages) + static_cast<std::size_t>(token / s.page_tokens)];
      const int row = (page * s.shape.kv_heads + head) * s.page_tokens + token % s.page_tokens;
      std::copy_n(from.device.data() + area(head * tokens + token, s.shape.head_dim), s.shape.head_dim,
                  paged.data() + area(row, s.shape.head_dim));
    }
}

/// A table entry behind a sequence's last page may be anything: it names no page here.
void forget_unused_pages(Sequences& s) {
  for (int sequence = 0; sequence < s.count(); ++sequence)
    for (int page = 0; page < s.most_pages; ++page)
      if (page * s.page_tokens >= s.kv_tokens[static_cast<std::size_t>(sequence)])
        s.page_table[area(sequence, s.most_pages) + static_cast<std::size_t>(page)] = std::numeric_limits<int>::min();
}

void draw_cache(Sequences& s, Draws& draws) {
  draw_pages(s, draws);
  for (int sequence = 0; sequence < s.count(); ++sequence) {
    const int rows = s.shape.kv_heads * s.kv_tokens[static_cast<std::size_t>(sequence)];
    s.keys.push_back(random_values(area(rows, s.shape.head_dim), draws));
    s.values.push_back(random_values(area(rows, s.shape.head_dim), draws));
    fill_pages(s, sequence, s.keys.back(), s.paged_keys);
    fill_pages(s, sequence, s.values.back(), s.paged_values);
  }
  forget_unused_pages(s);
  s.query_start = {0};
  for (const int tokens : s.new_tokens) s.query_start.push_back(s.query_start.back() + tokens);
  s.query_stride = (s.shape.heads + 2 * s.shape.kv_heads) * s.shape.head_dim;
  s.queries = random_values(area(s.query_start.back(), s.query_stride), draws);
}

/// Attention of kernels/host over the values, or over their magnitudes.
void attend(const Sequences& s, bool magnitudes, float* out) {
  for (int sequence = 0; sequence < s.count(); ++sequence) {
    const auto at = static_cast<std::size_t>(sequence);
    const int tokens = s.new_tokens[at], past = s.kv_tokens[at] - tokens;
    if (tokens == 0) continue;
    Buffer keys(s.keys[at].host.size()), values(keys.size());
    std::copy_n(s.keys[at].host.data(), keys.size(), keys.data());
    std::transform(s.values[at].host.data(), s.values[at].host.data() + values.size(), values.data(),
                   [&](float v) { return magnitudes ? std::abs(v) : v; });
    Buffer scratch(kernels::host::attention_scratch(s.shape, tokens, s.kv_tokens[at]));
    kernels::host::operations().attention(
        {s.queries.host.data() + area(s.query_start[at], s.query_stride), s.query_stride, tokens, past}, s.shape,
        KvCache{keys.data(), values.data(), s.kv_tokens[at]}, scratch.data(),
        out + area(s.query_start[at], s.shape.heads * s.shape.head_dim));
  }
}

std::string compare_attention(const std::string& what, const Sequences& s, const std::vector<Bf16>& out) {
  std::vector<float> expected(out.size()), spread(out.size());
  attend(s, false, expected.data());
  attend(s, true, spread.data());
  return compare(what, out.data(), expected.data(), out.size(),
                 [&](std::size_t i) { return kRounding * (std::abs(expected[i]) + spread[i]) + 1e-4f * spread[i]; });
}

AttentionShape draw_shape(Draws& draws, int kv_heads) {
  return {kv_heads * draws.one_of({1, 4, 8}), kv_heads, draws.one_of({64, 64, 128}), draws.one_of({0, 0, 1, 40})};
}

}  // namespace

std::string check_prefill_attention(const CudaOperations& operations, unsigned seed) {
  Draws draws(seed);
  Sequences s;
  s.shape = draw_shape(draws, 1);
  s.page_tokens = draws.one_of({1, 5, 16, 64});
  for (int sequence = draws.between(1, 2); sequence > 0; --sequence) {
    s.new_tokens.push_back(draws.one_of({0, 1, 2, 16, 17, 63, 64, 65}));
    s.kv_tokens.push_back(s.new_tokens.back() + draws.one_of({0, 0, 1, 63, 64, 70}));
  }
  draw_cache(s, draws);
  std::vector<Bf16> out = unwritten(area(s.query_start.back(), s.shape.heads * s.shape.head_dim));
  operations.prefill_attention(s.queries.device.data(), s.query_stride, s.query_start.data(),
                               *std::max_element(s.new_tokens.begin(), s.new_tokens.end()), s.shape, s.cache(),
                               s.batch(), out.data(), nullptr);
  return compare_attention("prefill_attention", s, out);
}

std::string check_decode_attention(const CudaOperations& operations, unsigned seed) {
  Draws draws(seed);
  Sequences s;
  s.shape = draw_shape(draws, draws.between(1, 2));
  s.page_tokens = draws.one_of({1, 5, 16, 64});
  for (int sequence = draws.between(1, 3); sequence > 0; --sequence) {
    s.new_tokens.push_back(1);
    s.kv_tokens.push_back(draws.one_of({1, 2, 15, 16, 17, 63, 64, 65, 200}));
  }
  draw_cache(s, draws);
  const int splits = draws.between(1, 4);
  std::vector<Bf16> out = unwritten(area(s.count(), s.shape.heads * s.shape.head_dim));
  std::vector<float> scratch(kernels::cuda::decode_scratch(s.shape, s.count(), splits), NAN);
  operations.decode_attention(s.queries.device.data(), s.query_stride, s.shape, s.cache(), s.batch(), splits,
                              scratch.data(), out.data(), nullptr);
  return compare_attention("decode_attention", s, out);
}

}  // namespace ppplan::tests
