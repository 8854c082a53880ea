#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "kernels/host/rope_table.h"
#include "tests/cuda_on_cpu/check_data.h"
#include "tests/cuda_on_cpu/checks.h"

namespace ppplan::tests {
namespace {

using kernels::cuda::AttentionShape;
using kernels::cuda::NormRows;
using kernels::cuda::PagedKv;

// Below, at and above a warp, a block of 256 or 512 threads, and packs of 8; widths with and without wide packs.
int draw_width(Draws& draws) { return draws.one_of({1, 7, 8, 31, 64, 200, 256, 264, 520, 1000, 4104}); }

}  // namespace

std::string check_embed(const CudaOperations& operations, unsigned seed) {
  Draws draws(seed);
  const int rows = draws.between(1, 5), hidden = draw_width(draws), vocabulary = draws.between(1, 20);
  const Values table = random_values(area(vocabulary, hidden), draws);
  std::vector<int> tokens(static_cast<std::size_t>(rows));
  for (int& token : tokens) token = draws.between(0, vocabulary - 1);
  std::vector<Bf16> out = unwritten(area(rows, hidden));
  Buffer expected(out.size());
  kernels::host::operations().embed(tokens.data(), table.host.data(), rows, hidden, expected.data());
  operations.embed(tokens.data(), table.device.data(), rows, hidden, out.data(), nullptr);
  return compare_exactly("embed", out.data(), expected.data(), out.size());
}

std::string check_parts(const CudaOperations& operations, unsigned seed) {
  Draws draws(seed);
  const int rows = draws.between(1, 5), hidden = draw_width(draws), vocabulary = draws.between(1, 20);
  const int ranks = draws.between(1, 4), part = (vocabulary + ranks - 1) / ranks;
  Values table = random_values(area(vocabulary, hidden), draws);
  table.device.resize(area(part * ranks, hidden));
  std::vector<int> tokens(static_cast<std::size_t>(rows));
  for (int& token : tokens) token = draws.between(0, vocabulary - 1);
  // Each row comes from one rank, and from the others as zeros.
  std::vector<float> sum(area(rows, hidden), 0.0f);
  for (int rank = 0; rank < ranks; ++rank) {
    std::vector<Bf16> out = unwritten(sum.size());
    operations.embed_part(tokens.data(), table.device.data() + area(rank * part, hidden), rank * part, part, rows,
                          hidden, out.data(), nullptr);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += __bfloat162float(out[i]);
  }
  std::vector<Bf16> whole = unwritten(sum.size());
  operations.embed(tokens.data(), table.device.data(), rows, hidden, whole.data(), nullptr);
  std::string found = compare_exactly("embed_part", whole.data(), sum.data(), sum.size());
  if (!found.empty()) return found;
  const Values parts = random_values(area(ranks * rows, part), draws);
  std::vector<Bf16> joined = unwritten(area(rows, vocabulary));
  operations.join_columns(parts.device.data(), part, rows, vocabulary, joined.data(), nullptr);
  std::vector<float> expected(joined.size());
  for (int row = 0; row < rows; ++row)
    for (int column = 0; column < vocabulary; ++column)
      expected[area(row, vocabulary) + static_cast<std::size_t>(column)] =
          parts.host.data()[area(column / part * rows + row, part) + static_cast<std::size_t>(column % part)];
  return compare_exactly("join_columns", joined.data(), expected.data(), joined.size());
}

std::string check_rms_norm(const CudaOperations& operations, unsigned seed) {
  Draws draws(seed);
  const int width = draw_width(draws), heads = draws.between(1, 3);
  const NormRows rows = {draws.between(1, 4), heads, width, heads * width + draws.one_of({0, 3, 8})};
  Values x = random_values(area(rows.rows, rows.stride), draws);
  const Values gain = random_values(area(1, width), draws);
  operations.rms_norm(x.device.data(), gain.device.data(), 1e-5f, rows, x.device.data(), nullptr);
  for (int head = 0; head < heads; ++head) {
    float* start = x.host.data() + area(head, width);
    kernels::host::operations().rms_norm(start, gain.host.data(), 1e-5f, rows.rows, width, rows.stride, start);
  }
  // What lies between the heads' end and the stride is the same in both. Sums of up to 4104 squares in another order
  // differ by less than 1e-4 of themselves.
  return compare("rms_norm", x.device.data(), x.host.data(), x.device.size(),
                 [&](std::size_t i) { return (kRounding + 1e-4f) * std::abs(x.host.data()[i]); });
}

std::string check_add_rms_norm(const CudaOperations& operations, unsigned seed) {
  Draws draws(seed);
  const int rows = draws.between(1, 4), width = draw_width(draws);
  const Values x = random_values(area(rows, width), draws), gain = random_values(area(1, width), draws);
  Values residual = random_values(area(rows, width), draws);
  Buffer sum(residual.host.size());
  kernels::host::operations().add(residual.host.data(), x.host.data(), sum.size(), sum.data());
  for (std::size_t i = 0; i < sum.size(); ++i) sum.data()[i] = __bfloat162float(__float2bfloat16_rn(sum.data()[i]));
  std::vector<Bf16> out = unwritten(sum.size());
  operations.add_rms_norm(x.device.data(), gain.device.data(), 1e-5f, rows, width, residual.device.data(), out.data(),
                          nullptr);
  std::string found = compare_exactly("residual", residual.device.data(), sum.data(), sum.size());
  if (!found.empty()) return found;
  kernels::host::operations().rms_norm(sum.data(), gain.host.data(), 1e-5f, rows, width, width, sum.data());
  return compare("add_rms_norm", out.data(), sum.data(), sum.size(),
                 [&](std::size_t i) { return (kRounding + 1e-4f) * std::abs(sum.data()[i]); });
}

std::string check_swiglu(const CudaOperations& operations, unsigned seed) {
  Draws draws(seed);
  const int rows = draws.between(1, 4), width = draw_width(draws);
  const Values gate_up = random_values(area(rows, 2 * width), draws);
  std::vector<Bf16> out = unwritten(area(rows, width));
  Buffer expected(out.size());
  kernels::host::operations().swiglu(gate_up.host.data(), rows, width, expected.data());
  operations.swiglu(gate_up.device.data(), rows, width, out.data(), nullptr);
  // Exponentials of the two sides differ by a few units of fp32.
  return compare("swiglu", out.data(), expected.data(), out.size(),
                 [&](std::size_t i) { return (kRounding + 1e-5f) * std::abs(expected.data()[i]) + 1e-30f; });
}

std::string check_argmax(const CudaOperations& operations, unsigned seed) {
  Draws draws(seed);
  const int rows = draws.between(1, 3), vocabulary = draws.one_of({1, 2, 33, 256, 1000, 4096, 5001});
  Values logits = random_values(area(rows, vocabulary), draws);
  // The largest value twice in a row: the first one is meant.
  for (int row = 0; row < rows; ++row)
    for (int copy = 0; copy < 2; ++copy)
      logits.device[area(row, vocabulary) + static_cast<std::size_t>(draws.between(0, vocabulary - 1))] =
          __float2bfloat16_rn(9.0f);
  std::vector<int> token(static_cast<std::size_t>(rows), -1), expected;
  for (int row = 0; row < rows; ++row) {
    const Bf16* begin = logits.device.data() + area(row, vocabulary);
    const Bf16* best = std::max_element(begin, begin + vocabulary,
                                        [](Bf16 a, Bf16 b) { return __bfloat162float(a) < __bfloat162float(b); });
    expected.push_back(static_cast<int>(best - begin));
  }
  operations.argmax(logits.device.data(), rows, vocabulary, token.data(), nullptr);
  return compare_equal("argmax", token, expected);
}

namespace {

/// Tokens at random positions that go to random slots of a cache, the last one to none if there are more than two.
struct RopeCase {
  AttentionShape shape;
  int tokens = 0;
  int page_tokens = 0;
  int slots = 0;
  std::vector<int> position, slot;
  int width() const { return (shape.heads + 2 * shape.kv_heads) * shape.head_dim; }
  /// Where the cache holds a token's KV head.
  std::size_t cached(int token, int kv_head) const {
    const int at = slot[static_cast<std::size_t>(token)];
    return area((at / page_tokens * shape.kv_heads + kv_head) * page_tokens + at % page_tokens, shape.head_dim);
  }
};

constexpr int kPositions = 100;

RopeCase draw_rope_case(Draws& draws) {
  RopeCase c;
  const int kv_heads = draws.between(1, 3);
  c.shape = {kv_heads * draws.one_of({1, 4, 8}), kv_heads, draws.one_of({2, 6, 64}), 0};
  c.tokens = draws.between(1, 5);
  c.page_tokens = draws.one_of({1, 3, 16});
  c.slots = 8 * c.page_tokens;
  std::vector<int> slots(static_cast<std::size_t>(c.slots));
  std::iota(slots.begin(), slots.end(), 0);
  std::shuffle(slots.begin(), slots.end(), draws.random());
  c.slot.assign(slots.begin(), slots.begin() + c.tokens);
  if (c.tokens > 2) c.slot.back() = -1;
  for (int token = 0; token < c.tokens; ++token) c.position.push_back(draws.between(0, kPositions - 1));
  return c;
}

/// What the cache must hold: NaN where nothing is written, keys and values of `rows` elsewhere.
std::vector<float> expected_cache(const RopeCase& c, const float* rows, int first_head) {
  std::vector<float> out(area(c.slots * c.shape.kv_heads, c.shape.head_dim), NAN);
  for (int token = 0; token < c.tokens; ++token) {
    if (c.slot[static_cast<std::size_t>(token)] < 0) continue;
    for (int head = 0; head < c.shape.kv_heads; ++head) {
      const float* from = rows + area(token, c.width()) + area(first_head + head, c.shape.head_dim);
      std::copy(from, from + c.shape.head_dim, out.data() + c.cached(token, head));
    }
  }
  return out;
}

/// Elements that must stay NaN count as equal when they are. fp32 products of values up to 8 in size that nearly cancel
/// leave 1e-5.
std::string compare_rotated(const std::string& what, const std::vector<Bf16>& actual, const std::vector<float>& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const float value = __bfloat162float(actual[i]);
    const bool is_same =
        std::isnan(rows[i]) ? std::isnan(value) : std::abs(value - rows[i]) <= kRounding * std::abs(rows[i]) + 1e-5f;
    if (!is_same) return difference(what, i, value, rows[i]);
  }
  return "";
}

}  // namespace

std::string check_rope_store_kv(const CudaOperations& operations, unsigned seed) {
  Draws draws(seed);
  const RopeCase c = draw_rope_case(draws);
  const AttentionShape& shape = c.shape;
  const kernels::host::RopeTable table(10000.0, kPositions, shape.head_dim);
  Values qkv = random_values(area(c.tokens, c.width()), draws);
  std::vector<Bf16> keys = unwritten(area(c.slots * shape.kv_heads, shape.head_dim)), values = keys;
  const std::size_t angles = area(kPositions, shape.head_dim / 2);
  const std::vector<float> cosines(table.cosines(0), table.cosines(0) + angles);
  const std::vector<float> sines(table.sines(0), table.sines(0) + angles);
  operations.rope_store_kv(qkv.device.data(), c.position.data(), c.slot.data(), cosines.data(), sines.data(), c.tokens,
                           shape, PagedKv{keys.data(), values.data(), c.page_tokens}, nullptr);
  std::vector<float> rows(qkv.host.data(), qkv.host.data() + qkv.host.size());
  for (int token = 0; token < c.tokens; ++token) {
    const int position = c.position[static_cast<std::size_t>(token)];
    float* row = rows.data() + area(token, c.width());
    kernels::host::operations().rope(row, table.cosines(position), table.sines(position), 1,
                                     shape.heads + shape.kv_heads, shape.head_dim, c.width());
  }
  std::string found = compare_rotated("keys", keys, expected_cache(c, rows.data(), shape.heads));
  if (found.empty())
    found = compare_rotated("values", values, expected_cache(c, rows.data(), shape.heads + shape.kv_heads));
  // Keys and values of qkv stay as they were.
  for (int token = 0; token < c.tokens; ++token) {
    const std::size_t start = area(token, c.width()) + area(shape.heads, shape.head_dim);
    std::copy_n(qkv.host.data() + start, 2 * area(shape.kv_heads, shape.head_dim), rows.data() + start);
  }
  return found.empty() ? compare_rotated("queries", qkv.device, rows) : found;
}

}  // namespace ppplan::tests
