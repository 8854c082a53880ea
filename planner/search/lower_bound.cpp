#include "planner/search/lower_bound.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ppplan::search {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Kind {
  double least_fixed_s = infinity;  // infinite when no stage is of this kind
  double lightest_s = infinity;
  double over_first = infinity;  // c for the first row as weight
  double over_least = infinity;  // c for the smallest row as weight
};

std::vector<Kind> kinds_of(const BlockTable& table) {
  std::vector<Kind> kinds(static_cast<std::size_t>(table.kinds()));
  for (int s = 0; s < table.stages(); ++s) {
    double& least = kinds[static_cast<std::size_t>(table.kind(s))].least_fixed_s;
    least = std::min(least, table.fixed_s(s));
  }
  return kinds;
}

double mean_bound_s(const BlockTable& table, double work, const std::vector<Kind>& kinds, double Kind::*slowness) {
  double speed = 0;
  for (int s = 0; s < table.stages(); ++s) {
    const double c = kinds[static_cast<std::size_t>(table.kind(s))].*slowness;
    if (!(c > 0) || !std::isfinite(c)) return 0;
    work += table.fixed_s(s) / c;
    speed += 1 / c;
  }
  // Rounding of sums with that many terms must not lift the bound above the optimum.
  const double terms = 8.0 + table.blocks() + table.stages();
  return work / speed * (1 - terms * std::numeric_limits<double>::epsilon());
}

}  // namespace

// The rows are read side by side in one pass: nothing as long as the layers is allocated.
double lower_bound_s(const BlockTable& table) {
  if (table.blocks() == 0) return 0;
  std::vector<Kind> kinds = kinds_of(table);
  double heaviest_s = 0;
  double least_work = 0;
  for (int b = 0; b < table.blocks(); ++b) {
    double least_s = infinity;
    double best_s = infinity;
    for (int k = 0; k < table.kinds(); ++k) {
      Kind& kind = kinds[static_cast<std::size_t>(k)];
      const double block_s = table.row(k)[b + 1] - table.row(k)[b];
      kind.lightest_s = std::min(kind.lightest_s, block_s);
      best_s = std::min(best_s, kind.least_fixed_s + block_s);
      least_s = std::min(least_s, block_s);
    }
    heaviest_s = std::max(heaviest_s, best_s);
    least_work += least_s;
    const double first_s = table.row(0)[b + 1] - table.row(0)[b];
    for (int k = 0; k < table.kinds() && table.kinds() > 1; ++k) {
      Kind& kind = kinds[static_cast<std::size_t>(k)];
      const double block_s = table.row(k)[b + 1] - table.row(k)[b];
      // 0 / 0 leaves std::min's first argument, so that a block without weight says nothing.
      kind.over_first = std::min(kind.over_first, block_s / first_s);
      kind.over_least = std::min(kind.over_least, block_s / least_s);
    }
  }
  if (table.kinds() == 1) kinds[0].over_first = kinds[0].over_least = 1;
  double bound_s = heaviest_s;
  for (int s = 0; s < table.stages(); ++s)
    bound_s = std::max(bound_s, table.fixed_s(s) + kinds[static_cast<std::size_t>(table.kind(s))].lightest_s);
  const double first_work = table.row(0)[table.blocks()] - table.row(0)[0];
  return std::max({bound_s, mean_bound_s(table, first_work, kinds, &Kind::over_first),
                   mean_bound_s(table, least_work, kinds, &Kind::over_least)});
}

}  // namespace ppplan::search
