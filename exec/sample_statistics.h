// What a profile states of the samples of one operation.
#pragma once

#include <vector>

#include "traces/profile.h"

namespace ppplan::exec {

/// Linear between the two nearest values; fraction in [0, 1], at least one value.
double quantile(std::vector<double> values, double fraction);

/// Median, p10, p90 and their number, of at least one sample in seconds.
void state_times(traces::Operation& operation, const std::vector<double>& seconds);

}  // namespace ppplan::exec
