#include "traces/profile_fit_json.h"

#include "traces/operation_times_fit.h"

namespace ppplan::traces {

using input::Json;
using input::Node;

namespace {
constexpr double smallest_rate = 1;  // flops or bytes per second
constexpr double shortest_s = 1e-12;
}  // namespace

Json to_json(const Fit& fit) {
  Json ranges = Json::array(), features = Json::array();
  for (const FitRange& range : fit.ranges)
    ranges.push_back({{"name", range.name}, {"low", range.low}, {"high", range.high}});
  for (const FitFeature& feature : fit.features)
    features.push_back({{"name", feature.name}, {"thresholds", feature.thresholds}});
  return {{"op", fit.op},
          {"dtype", fit.dtype},
          {"relative_error", fit.relative_error},
          {"flops_per_s", fit.flops_per_s},
          {"bytes_per_s", fit.bytes_per_s},
          {"floor_s", fit.floor_s},
          {"multiprocessors", fit.multiprocessors},
          {"ranges", ranges},
          {"features", features},
          {"depth", fit.depth},
          {"offset", fit.offset},
          {"leaf_unit", fit.leaf_unit},
          {"trees", fit.trees}};
}

Fit fit_from_json(const Node& node) {
  Fit out;
  out.op = node.at("op").text();
  out.dtype = node.at("dtype").text();
  out.relative_error = node.at("relative_error").number(0);
  out.flops_per_s = node.at("flops_per_s").number(smallest_rate);
  out.bytes_per_s = node.at("bytes_per_s").number(smallest_rate);
  out.floor_s = node.at("floor_s").number(shortest_s);
  out.multiprocessors = node.at("multiprocessors").count(1);
  for (const Node& range : node.at("ranges").items())
    out.ranges.push_back({range.at("name").text(), range.at("low").number(0), range.at("high").number(0)});
  for (const Node& feature : node.at("features").items()) {
    FitFeature& added = out.features.emplace_back();
    added.name = feature.at("name").text();
    for (const Node& threshold : feature.at("thresholds").items()) added.thresholds.push_back(threshold.number());
  }
  out.depth = node.at("depth").count(1);
  out.offset = node.at("offset").number();
  out.leaf_unit = node.at("leaf_unit").number(0);
  for (const Node& tree : node.at("trees").items()) out.trees.push_back(tree.text());
  const std::string expected = check_fit(out);
  if (!expected.empty()) node.fail(expected, "others");
  return out;
}

}  // namespace ppplan::traces
