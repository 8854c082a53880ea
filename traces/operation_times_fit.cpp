#include "traces/operation_times_fit.h"

#include <algorithm>
#include <cmath>

namespace ppplan::traces {
namespace {

/// Tables of prefill hold no cached tokens. Chunks of 64 to 4,096 tokens behind 32 to 4,032 cached ones, as
/// microsoft/vidur measured them (A100, its own kernels), lie up to this fraction beside the rule, whose share grows
/// with the cached part.
constexpr double chunk_error = 0.5;

std::size_t digit(char c) { return fit_alphabet.find(c); }

std::string check_tree(const Fit& fit, const std::string& text) {
  const std::size_t leaves = std::size_t{1} << fit.depth;
  if (text.size() != 2 * (2 * leaves - 1)) return "trees of two characters a node";
  for (char c : text)
    if (digit(c) == std::string_view::npos) return "trees in the alphabet of 64";
  for (std::size_t node = 0; node + 1 < leaves; ++node)
    if (digit(text[2 * node]) >= fit.features.size()) return "trees over its features";
  return "";
}

}  // namespace

std::string check_fit(const Fit& fit) {
  const auto kind = fitted_kind(fit.op);
  if (!kind) return "op gemm, context_attention or generation_attention";
  if (fit.depth < 1 || fit.depth > 8) return "depth from 1 to 8";
  std::vector<std::string> names;
  for (const FitFeature& feature : fit.features) {
    names.push_back(feature.name);
    if (feature.thresholds.size() > 63) return "at most 63 thresholds a feature";
    if (!std::is_sorted(feature.thresholds.begin(), feature.thresholds.end())) return "increasing thresholds";
  }
  if (names != feature_names(*kind)) return "the features of " + fit.op + " in this version";
  std::vector<std::string> ranges;
  for (const FitRange& range : fit.ranges) ranges.push_back(range.name);
  if (ranges != range_names(*kind)) return "the ranges of " + fit.op + " in this version";
  // So that the exponential stays finite whatever leaf is reached: e^600 is still a number.
  if (std::abs(fit.offset) + 2048 * fit.leaf_unit * static_cast<double>(fit.trees.size()) > 600)
    return "smaller corrections";
  for (const std::string& tree : fit.trees) {
    const std::string wrong = check_tree(fit, tree);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

FittedOperation::FittedOperation(const Fit& fit)
    : kind_(*fitted_kind(fit.op)),
      element_bytes_(element_bytes(fit.dtype)),
      flops_per_s_(fit.flops_per_s),
      bytes_per_s_(fit.bytes_per_s),
      floor_s_(fit.floor_s),
      offset_(fit.offset),
      relative_error_(fit.relative_error),
      multiprocessors_(fit.multiprocessors),
      depth_(fit.depth),
      ranges_(fit.ranges) {
  for (const FitFeature& feature : fit.features) thresholds_.push_back(feature.thresholds);
  const std::size_t inner = (std::size_t{1} << fit.depth) - 1;
  for (const std::string& text : fit.trees) {
    for (std::size_t i = 0; i < inner; ++i)
      nodes_.push_back(
          {static_cast<std::uint8_t>(digit(text[2 * i])), static_cast<std::uint8_t>(digit(text[2 * i + 1]))});
    for (std::size_t i = inner; i < 2 * inner + 1; ++i) {
      const auto whole = static_cast<double>(64 * digit(text[2 * i]) + digit(text[2 * i + 1]));
      leaves_.push_back((whole - 2048) * fit.leaf_unit);
    }
  }
}

double FittedOperation::roofline_s(const Work& work) const {
  return floor_s_ + std::max(work.flops / flops_per_s_, work.bytes / bytes_per_s_);
}

double FittedOperation::correction(const Features& features) const {
  std::array<std::uint8_t, most_features> bins{};
  for (std::size_t i = 0; i < thresholds_.size(); ++i)
    bins[i] = static_cast<std::uint8_t>(std::lower_bound(thresholds_[i].begin(), thresholds_[i].end(), features[i]) -
                                        thresholds_[i].begin());
  const std::size_t leaves = std::size_t{1} << depth_;
  double sum = offset_;
  const Node* tree = nodes_.data();
  for (const double* leaf = leaves_.data(); leaf != leaves_.data() + leaves_.size();
       leaf += leaves, tree += leaves - 1) {
    std::size_t at = 0;
    for (int level = 0; level < depth_; ++level)
      at = 2 * at + 1 + (bins[tree[at].feature] > tree[at].threshold ? 1 : 0);
    sum += leaf[at - (leaves - 1)];
  }
  return std::exp(sum);
}

bool FittedOperation::outside(const Sizes& sizes) const {
  const std::vector<double> values = range_values(kind_, sizes);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] < ranges_[i].low || values[i] > ranges_[i].high) return true;
  return false;
}

OperationTime FittedOperation::at(const Sizes& sizes) const {
  const Features of = features(kind_, sizes, element_bytes_, multiprocessors_);
  return {roofline_s(work(kind_, sizes, element_bytes_)) * correction(of), relative_error_, outside(sizes)};
}

OperationTime FittedOperation::prefill_after(const Sizes& sizes, double kv_tokens) const {
  const OperationTime alone = at(sizes);
  if (kv_tokens <= 0) return alone;
  const double tokens = sizes[1];
  const double all = tokens + kv_tokens;
  Sizes whole = sizes;
  whole[1] = all;
  OperationTime out = at(whole);
  // Chunks are asked one by one, so the whole prompt's product of sizes may lie far outside while the chunk does not.
  out.outside = alone.outside || all > ranges_[1].high;
  out.seconds = std::max(alone.seconds, out.seconds * tokens * (tokens + 2 * kv_tokens) / (all * all));
  out.relative_error = std::max(relative_error_, chunk_error * kv_tokens / all);
  return out;
}

std::optional<OperationTime> FittedOperation::answer(const OperationQuery& query) const {
  const auto sizes = sizes_of(kind_, query.shape, query.tokens, query.batch, query.kv_tokens);
  if (!sizes) return std::nullopt;
  if (kind_ == FittedKind::context_attention) return prefill_after(*sizes, query.kv_tokens);
  OperationTime out = at(*sizes);
  if (kind_ == FittedKind::generation_attention && query.tokens > 1) {
    // Several tokens a step read the cache once each at worst.
    out.seconds *= query.tokens;
    out.outside = true;
  }
  return out;
}

}  // namespace ppplan::traces
