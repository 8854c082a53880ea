#include "planner/search/block_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "planner/input/input_error.h"

namespace ppplan::search {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

void expect_size(const char* name, std::size_t found, std::size_t expected, const char* unit, bool optional) {
  if (found == expected || (optional && found == 0)) return;
  throw input::InputError("partition", name, fmt::format("{} entries, one per {}", expected, unit),
                          fmt::format("{}", found));
}

// Writes running sums of `values` at the block boundaries; the first bad value is named in the error.
void sum_at(const std::vector<double>& values, const std::vector<int>& boundaries, const char* name, double* out) {
  double sum = 0;
  double lowest = 0;
  std::size_t layer = 0;
  for (std::size_t block = 0; block < boundaries.size(); ++block) {
    for (; layer < static_cast<std::size_t>(boundaries[block]); ++layer) {
      sum += values[layer];
      lowest = std::min(lowest, values[layer]);
    }
    out[block] = sum;
  }
  if (std::isfinite(sum) && lowest >= 0) return;
  for (layer = 0; layer < values.size(); ++layer)
    if (!(values[layer] >= 0) || !std::isfinite(values[layer]))
      throw input::InputError("partition", fmt::format("{} of layer {}", name, layer), "a finite number >= 0",
                              fmt::format("{}", values[layer]));
  throw input::InputError("partition", name, "values whose sum is finite", "an overflow");
}

double at_or(const std::vector<double>& values, std::size_t index, double otherwise) {
  return values.empty() ? otherwise : values[index];
}

}  // namespace

BlockTable::BlockTable(const PartitionProblem& problem) : limit_s_(problem.limit_s) {
  read_stages(problem);
  read_blocks(problem);
}

void BlockTable::read_stages(const PartitionProblem& problem) {
  const std::size_t count = problem.kind.size();
  if (count == 0) throw input::InputError("partition", "kind", "at least one stage", "none");
  if (problem.layer_s.empty()) throw input::InputError("partition", "layer_s", "at least one row", "none");
  kinds_ = static_cast<int>(problem.layer_s.size());
  capped_ = !problem.layer_bytes.empty();
  expect_size("fixed_s", problem.fixed_s.size(), count, "stage", true);
  expect_size("fixed_bytes", problem.fixed_bytes.size(), count, "stage", true);
  expect_size("capacity_bytes", problem.capacity_bytes.size(), count, "stage", !capped_);
  expect_size("limited_s", problem.limited_s.size(), problem.layer_s.size(), "row of layer_s", true);
  expect_size("fixed_limited_s", problem.fixed_limited_s.size(), count, "stage", true);
  for (std::size_t s = 0; s < count; ++s) {
    const Stage stage{problem.kind[s], at_or(problem.fixed_s, s, 0), at_or(problem.fixed_bytes, s, 0),
                      at_or(problem.capacity_bytes, s, infinity), at_or(problem.fixed_limited_s, s, 0)};
    const std::string place = fmt::format("stage {}", s);
    if (stage.kind < 0 || stage.kind >= kinds_)
      throw input::InputError("partition", place, fmt::format("a kind below {}", kinds_),
                              fmt::format("{}", stage.kind));
    if (!(stage.fixed_s >= 0) || !std::isfinite(stage.fixed_s))
      throw input::InputError("partition", place, "a finite fixed_s >= 0", fmt::format("{}", stage.fixed_s));
    if (!std::isfinite(stage.fixed_bytes) || std::isnan(stage.capacity_bytes))
      throw input::InputError("partition", place, "bytes that are numbers", "one that is not");
    stages_.push_back(stage);
  }
}

void BlockTable::read_blocks(const PartitionProblem& problem) {
  const std::size_t layers = problem.layer_s.front().size();
  for (const auto& row : problem.layer_s) expect_size("layer_s", row.size(), layers, "layer", false);
  for (const auto& row : problem.limited_s) expect_size("limited_s", row.size(), layers, "layer", false);
  expect_size("layer_bytes", problem.layer_bytes.size(), layers, "layer", true);
  expect_size("cut_allowed", problem.cut_allowed.size(), layers, "layer", true);
  first_layer_.reserve(layers + 1);
  for (std::size_t layer = 0; layer < layers; ++layer)
    if (layer == 0 || problem.cut_allowed.empty() || problem.cut_allowed[layer])
      first_layer_.push_back(static_cast<int>(layer));
  first_layer_.push_back(static_cast<int>(layers));
  prefix_s_ = summed_rows(problem.layer_s, "layer_s");
  limited_s_ = summed_rows(problem.limited_s, "limited_s");
  if (!capped_) return;
  bytes_.resize(first_layer_.size());
  sum_at(problem.layer_bytes, first_layer_, "layer_bytes", bytes_.data());
}

std::vector<double> BlockTable::summed_rows(const std::vector<std::vector<double>>& rows, const char* name) const {
  std::vector<double> sums(rows.size() * first_layer_.size());
  for (std::size_t k = 0; k < rows.size(); ++k)
    sum_at(rows[k], first_layer_, name, sums.data() + k * first_layer_.size());
  return sums;
}

int BlockTable::reach(int stage, int begin, int limit, double bottleneck_s) const {
  int low = begin;
  int high = limit;
  while (low < high) {
    const int middle = low + (high - low + 1) / 2;
    if (seconds(stage, begin, middle) <= bottleneck_s)
      low = middle;
    else
      high = middle - 1;
  }
  if (low == begin || fits_caps(stage, begin, low)) return low;
  // The bottleneck would allow `low`, the caps do not: they decide alone below it.
  high = low - 1;
  low = begin;
  while (low < high) {
    const int middle = low + (high - low + 1) / 2;
    if (fits_caps(stage, begin, middle))
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

int BlockTable::earliest(int stage, int end, double bottleneck_s) const {
  int low = 0;
  int high = end;
  while (low < high) {
    const int middle = low + (high - low) / 2;
    if (fits(stage, middle, end, bottleneck_s))
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

// A cheap superset of the heavy blocks of every stage of a kind: one scan per kind in place of one per stage.
std::vector<int> BlockTable::maybe_heavy(int kind, double bottleneck_s) const {
  double most_fixed_s = 0;
  double most_fixed_bytes = -infinity;
  double least_capacity = infinity;
  double most_limited_s = 0;
  for (const Stage& stage : stages_)
    if (stage.kind == kind) {
      most_limited_s = std::max(most_limited_s, stage.fixed_limited_s);
      most_fixed_s = std::max(most_fixed_s, stage.fixed_s);
      most_fixed_bytes = std::max(most_fixed_bytes, stage.fixed_bytes);
      least_capacity = std::min(least_capacity, stage.capacity_bytes);
    }
  std::vector<int> found;
  const double* prefix = row(kind);
  const double* limited =
      limited_s_.empty() ? nullptr : limited_s_.data() + static_cast<std::size_t>(kind) * first_layer_.size();
  for (int b = 0; b < blocks(); ++b) {
    const auto at = static_cast<std::size_t>(b);
    if (most_fixed_s + (prefix[b + 1] - prefix[b]) > bottleneck_s ||
        (capped_ && most_fixed_bytes + (bytes_[at + 1] - bytes_[at]) > least_capacity) ||
        (limited && most_limited_s + (limited[b + 1] - limited[b]) > limit_s_))
      found.push_back(b);
  }
  return found;
}

std::vector<std::vector<int>> BlockTable::heavy_blocks(double bottleneck_s) const {
  std::vector<std::vector<int>> maybe;
  for (int k = 0; k < kinds_; ++k) maybe.push_back(maybe_heavy(k, bottleneck_s));
  std::vector<std::vector<int>> heavy(stages_.size());
  for (int s = 0; s < stages(); ++s)
    for (int block : maybe[static_cast<std::size_t>(kind(s))])
      if (!fits(s, block, block + 1, bottleneck_s)) heavy[static_cast<std::size_t>(s)].push_back(block);
  return heavy;
}

}  // namespace ppplan::search
