// Gradient boosting with Huber's loss: small trees that one after another predict what is still missing.
//
// Each tree is grown on the residuals cut to +-delta (J. Friedman, "Greedy function approximation: a gradient boosting
// machine", 2001, M_TreeBoost with a fixed delta): every inner node takes the feature and threshold that lower the
// squared error of the cut residuals most; every leaf holds, times the learning rate, the median residual of its rows
// plus the mean of the deviations from it cut to +-delta. The cut keeps single mismeasured rows from bending the fit.
// Cut residuals are summed as whole numbers, so the choice of splits doesn't depend on the order of summation.
#pragma once

#include <cstdint>
#include <vector>

#include "traces/operation_times_features.h"
#include "traces/profile_fit.h"

namespace ppplan::traces {

struct BoostingOptions {
  int trees = 150;
  int depth = 6;
  double rate = 0.12;
  int smallest_leaf = 4;    // rows
  double delta = 0.1;       // of the logarithm: a tenth of the time
  double leaf_unit = 5e-4;  // leaves are whole multiples of it
};

/// One row: features and the value to predict, the logarithm of measured time over the roofline's.
struct TrainingRow {
  Features features{};
  double target = 0;
};

/// Fills features, depth, offset, leaf_unit and trees of `fit`. `rows` must not be empty.
void boost(const std::vector<TrainingRow>& rows, const std::vector<std::string>& feature_names,
           const BoostingOptions& options, Fit& fit);

}  // namespace ppplan::traces
