#include "traces/import/fit_operation.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "traces/operation_times_fit.h"

namespace ppplan::traces {
namespace {

double rounded(double value, int digits) {
  const double scale = std::pow(10.0, digits - 1 - std::floor(std::log10(value)));
  return std::round(value * scale) / scale;
}

double quantile(std::vector<double>& values, double share) {
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

Fit roofline_of(FittedKind kind, Fit fit, const std::vector<MeasuredRow>& rows) {
  constexpr double reached = 0.98;
  std::vector<double> flops, bytes;
  fit.floor_s = rows.front().seconds;
  for (const MeasuredRow& row : rows) {
    const Work of = work(kind, row.sizes, element_bytes(fit.dtype));
    flops.push_back(of.flops / row.seconds);
    bytes.push_back(of.bytes / row.seconds);
    fit.floor_s = std::min(fit.floor_s, row.seconds);
  }
  fit.flops_per_s = rounded(quantile(flops, reached), 4);
  fit.bytes_per_s = rounded(quantile(bytes, reached), 4);
  fit.floor_s = rounded(fit.floor_s, 4);
  return fit;
}

void take_ranges(FittedKind kind, const std::vector<MeasuredRow>& rows, Fit& fit) {
  fit.ranges.clear();
  for (const std::string& name : range_names(kind)) fit.ranges.push_back({name, 1e300, 0});
  for (const MeasuredRow& row : rows) {
    const std::vector<double> values = range_values(kind, row.sizes);
    for (std::size_t i = 0; i < values.size(); ++i) {
      fit.ranges[i].low = std::min(fit.ranges[i].low, values[i]);
      fit.ranges[i].high = std::max(fit.ranges[i].high, values[i]);
    }
  }
}

Fit fit_over(FittedKind kind, const Fit& empty, const std::vector<MeasuredRow>& rows, const FitOptions& options) {
  Fit fit = roofline_of(kind, empty, rows);
  take_ranges(kind, rows, fit);
  const double bytes = element_bytes(fit.dtype);
  std::vector<TrainingRow> training;
  for (const MeasuredRow& row : rows) {
    const Work of = work(kind, row.sizes, bytes);
    const double roofline = fit.floor_s + std::max(of.flops / fit.flops_per_s, of.bytes / fit.bytes_per_s);
    training.push_back({features(kind, row.sizes, bytes, fit.multiprocessors), std::log(row.seconds / roofline)});
  }
  boost(training, feature_names(kind), options.boosting, fit);
  return fit;
}

/// Relative error of each row, predicted by a fit that saw the other folds only.
std::vector<double> errors_of(FittedKind kind, const Fit& empty, const std::vector<MeasuredRow>& rows,
                              const std::vector<int>& folds, const FitOptions& options) {
  std::vector<double> out(rows.size());
  for (int fold = 0; fold < options.folds; ++fold) {
    std::vector<MeasuredRow> others;
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (folds[i] != fold) others.push_back(rows[i]);
    if (others.empty() || others.size() == rows.size()) continue;
    const FittedOperation fitted(fit_over(kind, empty, others, options));
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (folds[i] == fold) out[i] = std::abs(fitted.at(rows[i].sizes).seconds / rows[i].seconds - 1);
  }
  return out;
}

/// A fold for each row; rows of one shape share theirs when `by_shape`. (n, k) of a GEMM, (batch, length) of an
/// attention.
std::vector<int> dealt(FittedKind kind, const std::vector<MeasuredRow>& rows, bool by_shape,
                       const FitOptions& options) {
  // Only the generator's raw numbers are the same everywhere, so they are taken modulo rather than through a
  // distribution.
  std::mt19937 random(options.seed);
  const auto next = [&] { return static_cast<int>(random() % static_cast<unsigned>(options.folds)); };
  std::map<std::pair<double, double>, int> fold_of;
  const std::size_t first = kind == FittedKind::gemm ? 1 : 0;
  for (const MeasuredRow& row : rows) fold_of[{row.sizes[first], row.sizes[first + 1]}] = 0;
  for (auto& [shape, fold] : fold_of) fold = next();
  std::vector<int> out;
  for (const MeasuredRow& row : rows)
    out.push_back(by_shape ? fold_of[{row.sizes[first], row.sizes[first + 1]}] : next());
  return out;
}

bool is_large_gemm(const MeasuredRow& row) {
  constexpr double large = 512;
  return row.sizes[1] >= large && row.sizes[2] >= large;
}

}  // namespace

HeldOutError held_out_error(const std::string& op, const std::string& what, std::vector<double> errors) {
  HeldOutError out;
  out.op = op;
  out.what = what;
  out.samples = static_cast<int>(errors.size());
  out.median = std::round(quantile(errors, 0.5) * 1e3) / 1e3;
  out.p90 = std::round(quantile(errors, 0.9) * 1e3) / 1e3;
  return out;
}

FittedOperationResult fit_operation(const std::string& op, const std::string& dtype,
                                    const std::vector<MeasuredRow>& rows, const FitOptions& options) {
  const FittedKind kind = *fitted_kind(op);
  Fit empty;
  empty.op = op;
  empty.dtype = dtype;
  empty.multiprocessors = options.multiprocessors;
  FittedOperationResult out{fit_over(kind, empty, rows, options), {}};
  if (options.folds < 2) return out;
  for (const bool by_shape : {false, true}) {
    const std::string what = by_shape ? "shapes" : "rows";
    const std::vector<double> errors = errors_of(kind, empty, rows, dealt(kind, rows, by_shape, options), options);
    out.errors.push_back(held_out_error(op, what, errors));
    if (by_shape) out.fit.relative_error = out.errors.back().p90;
    std::vector<double> large;
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (kind == FittedKind::gemm && is_large_gemm(rows[i])) large.push_back(errors[i]);
    if (large.empty()) continue;
    out.errors.push_back(held_out_error(op, what, large));
    out.errors.back().range = "n, k >= 512";
  }
  for (HeldOutError& error : out.errors) error.dtype = dtype;
  return out;
}

}  // namespace ppplan::traces
