// Fewer points of a dense measurement, and what that costs in accuracy.
#pragma once

#include <string>
#include <vector>

#include "traces/profile.h"

namespace ppplan::traces {

/// Messages of one (op, link, ranks): sizes are gathered in bins of equal ratio, `per_octave` to a doubling; each bin
/// becomes its median size and median time, the largest and smallest size stay themselves. Fewer samples than bins stay
/// as they are.
std::vector<LinkSample> thin_messages(const std::vector<LinkSample>& samples, int per_octave);

/// Error of messages left out: every `folds`-th by size in turn is predicted from the others, thinned likewise; the
/// smallest and largest size always take part, so that nothing is asked outside.
std::vector<double> left_out_errors(const std::vector<LinkSample>& samples, int per_octave, int folds);

/// Operations of one (op, dtype, tp, shape) on a dense grid: those whose tokens, batch and kv_tokens are each on a list
/// of values that grows at least by `ratio` a step (the largest value stays on it). `left_out` gets the others.
std::vector<Operation> thin_operations(const std::vector<Operation>& operations, double ratio,
                                       std::vector<Operation>& left_out);

/// Relative errors of interpolating `left_out` from `kept`.
std::vector<double> interpolation_errors(const std::vector<Operation>& kept, const std::vector<Operation>& left_out);

}  // namespace ppplan::traces
