#include "exec/sample_statistics.h"

#include <algorithm>
#include <cmath>

namespace ppplan::exec {

double quantile(std::vector<double> values, double fraction) {
  std::sort(values.begin(), values.end());
  const double position = fraction * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(position));
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (position - static_cast<double>(below)) * (values[above] - values[below]);
}

void state_times(traces::Operation& operation, const std::vector<double>& seconds) {
  operation.median_s = quantile(seconds, 0.5);
  operation.p10_s = quantile(seconds, 0.1);
  operation.p90_s = quantile(seconds, 0.9);
  operation.repeats = static_cast<int>(seconds.size());
}

}  // namespace ppplan::exec
