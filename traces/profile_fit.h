// A fit of one operation over its sizes: a roofline corrected by boosted trees.
//
//   T = (floor_s + max(flops / flops_per_s, bytes / bytes_per_s)) * exp(offset + sum over trees of the leaf reached)
//
// flops, bytes and the features that the trees look at are functions of the operation's sizes
// (operation_times_features.h). Every tree is complete and of equal depth. Its text holds two characters for each inner
// node in breadth-first order (feature, then the index of the threshold in that feature's list: a feature above the
// threshold goes right, to node 2 i + 2, else left, to 2 i + 1), then two for each leaf (64 high + low - 2048, times
// `leaf_unit`). A character stands for its place in fit_alphabet.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ppplan::traces {

inline constexpr std::string_view fit_alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

/// Range in which one quantity was measured, closed at both ends.
struct FitRange {
  std::string name;
  double low = 0;
  double high = 0;
  bool operator==(const FitRange&) const = default;
};

struct FitFeature {
  std::string name;
  std::vector<double> thresholds;  // increasing, at most 63
  bool operator==(const FitFeature&) const = default;
};

struct Fit {
  std::string op;     // "gemm", "context_attention", "generation_attention"
  std::string dtype;  // of the operands of a GEMM, of the cache of an attention
  double flops_per_s = 0;
  double bytes_per_s = 0;
  double floor_s = 0;
  int multiprocessors = 1;       // of the device: how many tiles of work run at once
  std::vector<FitRange> ranges;  // outside of any of them the answer is flagged
  std::vector<FitFeature> features;
  int depth = 1;
  double offset = 0;
  double leaf_unit = 0;
  std::vector<std::string> trees;
  double relative_error = 0;  // 90th percentile on whole shapes left out
  bool operator==(const Fit&) const = default;
};

}  // namespace ppplan::traces
