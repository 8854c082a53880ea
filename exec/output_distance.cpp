#include "exec/output_distance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace ppplan::exec {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

using Row = std::span<const float>;

std::size_t argmax(Row row) { return static_cast<std::size_t>(std::ranges::max_element(row) - row.begin()); }

double largest_of(const std::vector<Logits>& all) {
  double largest = 0;
  for (const Logits& logits : all)
    for (const float logit : logits)
      if (std::isfinite(logit)) largest = std::max(largest, std::abs(static_cast<double>(logit)));
  return largest;
}

double distance(Row output, Row expected, double largest) {
  double apart = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::abs(static_cast<double>(output[i]) - expected[i]);
    if (!std::isfinite(difference)) return kNever;
    apart = std::max(apart, difference);
  }
  return apart > 0 ? apart / largest : 0;
}

}  // namespace

double rounding_tolerance(const spec::ModelSpec& model, int tensor_ranks) {
  constexpr double kRounding = 1.0 / 256;
  double roundings = 4;
  for (const spec::Layer& layer : model.layers) {
    const int blocks = layer.feed_forward.shared_intermediate > 0 ? 3 : 2;
    roundings += 2 * tensor_ranks * blocks + (layer.attention.kind == spec::AttentionKind::mla ? 24 : 16);
  }
  return kRounding * std::sqrt(roundings / 3);
}

std::vector<double> row_distances(const PipelineRun& run, const std::vector<Logits>& outputs,
                                  const std::vector<Logits>& expected) {
  const auto width = static_cast<std::size_t>(run.model.vocabulary);
  const double largest = largest_of(expected);
  std::vector<double> out;
  std::vector<std::vector<bool>> same_token(expected.size());  // [micro-batch][sequence]: sampled in both runs, so far
  if (outputs.size() != expected.size()) return {kNever};
  for (std::size_t k = 0; k < expected.size(); ++k) {
    if (outputs[k].size() != expected[k].size() || expected[k].size() % width != 0) return {kNever};
    const auto before = sampled_before(run, k);
    for (std::size_t s = 0; s < expected[k].size() / width; ++s) {
      const Row output = Row(outputs[k]).subspan(s * width, width), other = Row(expected[k]).subspan(s * width, width);
      const bool goes_on = !before || same_token[*before].at(s);
      same_token[k].push_back(goes_on && argmax(output) == argmax(other));
      if (goes_on) out.push_back(distance(output, other, largest));
    }
  }
  return out;
}

bool is_routed(const spec::ModelSpec& model) {
  return std::ranges::any_of(model.layers, [](const spec::Layer& layer) {
    return layer.feed_forward.experts > layer.feed_forward.experts_per_token;
  });
}

bool outputs_agree(const spec::ModelSpec& model, int tensor_ranks, const std::vector<double>& distances) {
  const double tolerance = rounding_tolerance(model, tensor_ranks);
  const auto within = std::ranges::count_if(distances, [&](double apart) { return apart <= tolerance; });
  const auto all = static_cast<std::ptrdiff_t>(distances.size());
  return all > 0 && (is_routed(model) ? 2 * within >= all : within == all);
}

}  // namespace ppplan::exec
