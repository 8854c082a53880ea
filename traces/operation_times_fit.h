// One fit, decoded for quick answers.
#pragma once

#include <cstdint>
#include <vector>

#include "traces/operation_times.h"
#include "traces/operation_times_features.h"

namespace ppplan::traces {

class FittedOperation {
 public:
  /// The fit must have passed check_fit.
  explicit FittedOperation(const Fit& fit);
  OperationTime at(const Sizes& sizes) const;
  /// Prefill of `sizes` behind `kv_tokens` earlier tokens of each sequence; see operation_times.h for the rule.
  OperationTime prefill_after(const Sizes& sizes, double kv_tokens) const;
  /// The fitted answer to a query of this operation and dtype, or nothing when its shape lacks a dimension.
  std::optional<OperationTime> answer(const OperationQuery& query) const;

 private:
  double correction(const Features& features) const;
  double roofline_s(const Work& work) const;
  bool outside(const Sizes& sizes) const;

  FittedKind kind_;
  double element_bytes_;
  double flops_per_s_, bytes_per_s_, floor_s_, offset_, relative_error_;
  int multiprocessors_, depth_;
  std::vector<FitRange> ranges_;
  std::vector<std::vector<double>> thresholds_;
  struct Node {
    std::uint8_t feature;
    std::uint8_t threshold;
  };
  std::vector<Node> nodes_;     // 2^depth - 1 of each tree
  std::vector<double> leaves_;  // 2^depth of each tree
};

/// What is wrong with a fit ("depth from 1 to 8", ...), or "" when it can be evaluated.
std::string check_fit(const Fit& fit);

}  // namespace ppplan::traces
