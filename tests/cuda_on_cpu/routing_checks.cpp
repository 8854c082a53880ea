#include <algorithm>
#include <cmath>

#include "kernels/host/layer_steps.h"
#include "tests/cuda_on_cpu/check_data.h"
#include "tests/cuda_on_cpu/checks.h"

namespace ppplan::tests {
namespace {

/// Experts of random tokens with their weights, as kernels/host chooses them.
struct Routing {
  int tokens, experts, chosen;
  std::vector<float> logits, weight;
  std::vector<int> expert;
  int assignments() const { return tokens * chosen; }
};

Routing draw_routing(Draws& draws) {
  const int experts = draws.one_of({1, 2, 8, 33, 60});
  const int chosen = std::min(experts, draws.one_of({1, 2, 8}));
  Routing r = {draws.one_of({1, 2, 5, 40}), experts, chosen, {}, {}, {}};
  // Multiples of a half: many logits of a row are equal.
  for (int i = 0; i < r.tokens * experts; ++i) r.logits.push_back(std::round(2 * draws.normal()) / 2);
  r.expert.resize(static_cast<std::size_t>(r.assignments()));
  r.weight.resize(r.expert.size());
  kernels::host::operations().route(r.logits.data(), r.tokens, experts, chosen, r.expert.data(), r.weight.data());
  return r;
}

/// Sorted rows by rows_of_expert(), expert after expert.
struct SortedRows {
  std::vector<int> first_row{0}, row;
  std::vector<float> weight;
};
SortedRows sorted_rows(const Routing& r) {
  SortedRows out;
  out.row.resize(r.expert.size());
  out.weight.resize(r.expert.size());
  for (int expert = 0; expert < r.experts; ++expert) {
    const int first = out.first_row.back();
    out.first_row.push_back(first + kernels::host::rows_of_expert(r.expert, r.weight.data(), r.chosen, expert,
                                                                  out.row.data() + first, out.weight.data() + first));
  }
  return out;
}

/// The inverse: rows of an expert are in the order of tokens, and a token chooses an expert once.
std::vector<int> places(const Routing& r, const SortedRows& sorted) {
  std::vector<int> next = sorted.first_row, out;
  for (const int expert : r.expert) out.push_back(next[static_cast<std::size_t>(expert)]++);
  return out;
}

}  // namespace

std::string check_route(const CudaOperations& operations, unsigned seed) {
  Draws draws(seed);
  const Routing r = draw_routing(draws);
  std::vector<int> expert(r.expert.size(), -1);
  std::vector<float> weight(r.weight.size(), NAN);
  operations.route(r.logits.data(), r.tokens, r.experts, r.chosen, expert.data(), weight.data(), nullptr);
  for (std::size_t i = 0; i < weight.size(); ++i)  // fp32 sums of up to 8 in another order
    if (!(std::abs(weight[i] - r.weight[i]) <= 1e-6f)) return difference("weight", i, weight[i], r.weight[i]);
  return compare_equal("expert", expert, r.expert);
}

std::string check_sort_by_expert(const CudaOperations& operations, unsigned seed) {
  Draws draws(seed);
  const Routing r = draw_routing(draws);
  const SortedRows sorted = sorted_rows(r);
  const auto unset = [](std::size_t count) { return std::vector<int>(count, -1); };
  std::vector<int> count = unset(sorted.first_row.size() - 1), first_row = unset(sorted.first_row.size());
  std::vector<int> row = unset(r.expert.size()), place = row;
  operations.sort_by_expert(r.expert.data(), r.tokens, r.experts, r.chosen, count.data(), first_row.data(), row.data(),
                            place.data(), nullptr);
  std::string found = compare_equal("first_row", first_row, sorted.first_row);
  if (found.empty()) found = compare_equal("row", row, sorted.row);
  return found.empty() ? compare_equal("place", place, places(r, sorted)) : found;
}

std::string check_grouped_linear(const CudaOperations& operations, unsigned seed) {
  Draws draws(seed);
  const Routing r = draw_routing(draws);
  const SortedRows sorted = sorted_rows(r);
  const bool gathers = draws.between(0, 1) == 1;
  const int inputs = draws.one_of({8, 64, 200}), outputs = draws.one_of({1, 64, 100});
  const Values x = random_values(area(gathers ? r.tokens : r.assignments(), inputs), draws);
  const Values weight = random_values(area(r.experts * outputs, inputs), draws);
  std::vector<Bf16> out = unwritten(area(r.assignments(), outputs));
  operations.grouped_linear(x.device.data(), gathers ? sorted.row.data() : nullptr, weight.device.data(),
                            sorted.first_row.data(), r.experts, r.assignments(), inputs, outputs, out.data(), nullptr);
  std::string found;
  for (int expert = 0; expert < r.experts; ++expert) {
    const auto at = static_cast<std::size_t>(expert);
    for (int row = sorted.first_row[at]; row < sorted.first_row[at + 1] && found.empty(); ++row) {
      const int from = gathers ? sorted.row[static_cast<std::size_t>(row)] : row;
      Buffer expected(static_cast<std::size_t>(outputs));
      kernels::host::operations().linear(x.host.data() + area(from, inputs),
                                         weight.host.data() + area(expert * outputs, inputs), nullptr, 1, inputs,
                                         outputs, expected.data());
      // fp32 sums of up to 200 products of normal values in another order.
      found = compare("grouped_linear row " + std::to_string(row), out.data() + area(row, outputs), expected.data(),
                      static_cast<std::size_t>(outputs),
                      [&](std::size_t i) { return kRounding * std::abs(expected.data()[i]) + 1e-4f; });
    }
  }
  return found;
}

std::string check_combine_experts(const CudaOperations& operations, unsigned seed) {
  Draws draws(seed);
  const Routing r = draw_routing(draws);
  const SortedRows sorted = sorted_rows(r);
  const std::vector<int> place = places(r, sorted);
  const int hidden = draws.one_of({1, 8, 100, 264});
  const bool has_base = draws.between(0, 1) == 1;
  const Values x = random_values(area(r.assignments(), hidden), draws);
  const Values base = random_values(area(r.tokens, hidden), draws);
  std::vector<float> expected(area(r.tokens, hidden), 0.0f);
  if (has_base) std::copy_n(base.host.data(), expected.size(), expected.data());
  kernels::host::operations().scatter_add(x.host.data(), sorted.row.data(), sorted.weight.data(), r.assignments(),
                                          hidden, expected.data());
  std::vector<Bf16> out = unwritten(expected.size());
  operations.combine_experts(x.device.data(), place.data(), r.weight.data(), has_base ? base.device.data() : nullptr,
                             r.tokens, r.chosen, hidden, out.data(), nullptr);
  // fp32 sums of up to 9 terms below 6 in another order.
  return compare("combine_experts", out.data(), expected.data(), out.size(),
                 [&](std::size_t i) { return kRounding * std::abs(expected[i]) + 1e-5f; });
}

}  // namespace ppplan::tests
