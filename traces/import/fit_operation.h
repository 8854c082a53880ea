// From a table of one operation's times to a fit, with honest errors.
//
// The roofline's rates are the 98th percentiles of what the rows reach, its floor the shortest time; boosted trees
// (boosted_trees.h) learn the logarithm of what is left. Errors come from cross-validation: the rows are dealt into
// folds, row by row ("rows") or all rows of a shape together ("shapes"), each fold is predicted by a fit over the
// others.
#pragma once

#include <string>
#include <vector>

#include "traces/import/boosted_trees.h"
#include "traces/profile.h"

namespace ppplan::traces {

struct MeasuredRow {
  Sizes sizes{};
  double seconds = 0;
};

struct FitOptions {
  int multiprocessors = 1;
  int folds = 5;  // 0 = no cross-validation
  unsigned seed = 1;
  BoostingOptions boosting;
};

struct FittedOperationResult {
  Fit fit;
  std::vector<HeldOutError> errors;
};

/// Rows below which a fit is refused by importers: fewer describe a curve, not a table.
inline constexpr std::size_t fewest_rows_of_a_fit = 200;

/// `op` is one of fitted_kind's. Same rows and options, same result.
FittedOperationResult fit_operation(const std::string& op, const std::string& dtype,
                                    const std::vector<MeasuredRow>& rows, const FitOptions& options);

/// Median and 90th percentile of relative errors, rounded to 0.1 %. `errors` must not be empty.
HeldOutError held_out_error(const std::string& op, const std::string& what, std::vector<double> errors);

}  // namespace ppplan::traces
