#include "planner/spec/calibration.h"

#include "planner/spec/fields.h"
#include "planner/spec/plan_json.h"

namespace ppplan::spec {
namespace {

using input::Json;
using input::Node;

constexpr int most_degree = 4096;
constexpr int most_stages = 10'000;
constexpr int most_layers = 1'000'000;
constexpr std::int64_t most_bytes = std::int64_t{1} << 50;

/// Amounts of an observation under the names that the document uses.
constexpr Field<Observation, std::optional<std::int64_t>> amounts[] = {
    {"weights_bytes", &Observation::weights_bytes},
    {"non_torch_bytes", &Observation::non_torch_bytes},
    {"activation_bytes", &Observation::activation_bytes},
    {"graph_bytes", &Observation::graph_bytes},
    {"kv_bytes", &Observation::kv_bytes},
    {"kv_tokens", &Observation::kv_tokens},
    {"kv_blocks", &Observation::kv_blocks},
};

std::string text_or_empty(const Node& node, const char* key) {
  const auto found = node.find(key);
  return found ? found->text() : "";
}

Parallel parallel_from(const Node& node) {
  Parallel out;
  out.tp = static_cast<int>(node.at("tp").integer(1, most_degree));
  out.pp = static_cast<int>(node.at("pp").integer(1, most_stages));
  out.dp = static_cast<int>(node.at("dp").integer(1, most_degree));
  return out;
}

std::vector<int> partition_from(const Node& node, int stages) {
  std::vector<int> out;
  for (const Node& item : node.items()) out.push_back(static_cast<int>(item.integer(1, most_layers)));
  if (!out.empty() && static_cast<int>(out.size()) != stages)
    node.fail("an array of " + std::to_string(stages) + ", one per stage, or an empty one");
  return out;
}

Json observation_json(const Observation& observation) {
  Json out = Json::object();
  if (observation.stage) out["stage"] = *observation.stage;
  for (const auto& [key, member] : amounts)
    if (observation.*member) out[key] = *(observation.*member);
  return out;
}

Observation observation_from(const Node& node, int stages) {
  Observation out;
  if (const auto stage = node.find("stage")) out.stage = static_cast<int>(stage->integer(0, stages - 1));
  // What was left for the KV cache may be negative: that much was missing.
  for (const auto& [key, member] : amounts)
    if (const auto amount = node.find(key))
      out.*member = amount->integer(member == &Observation::kv_bytes ? -most_bytes : 0, most_bytes);
  return out;
}

void check_stages(const Calibration& calibration, const Node& list) {
  for (const Node& item : list.items())
    if (const auto stage = item.find("stage")) stage->integer(0, calibration.parallel.pp - 1);
}

}  // namespace

Json to_json(const Calibration& calibration) {
  const Parallel& parallel = calibration.parallel;
  Json observations = Json::array();
  for (const Observation& observation : calibration.observations) observations.push_back(observation_json(observation));
  return {{"format", "ppplan/calibration/1"},
          {"source", calibration.source},
          {"model", calibration.model},
          {"gpu", calibration.gpu},
          {"vllm", calibration.vllm},
          {"parallel", {{"tp", parallel.tp}, {"pp", parallel.pp}, {"dp", parallel.dp}}},
          {"partition", calibration.partition},
          {"corrections", to_json(calibration.corrections)},
          {"observations", observations}};
}

Calibration calibration_from_json(const Node& node) {
  node.expect_format("ppplan/calibration/", 1);
  Calibration out;
  out.source = text_or_empty(node, "source");
  out.model = text_or_empty(node, "model");
  out.gpu = text_or_empty(node, "gpu");
  out.vllm = text_or_empty(node, "vllm");
  out.parallel = parallel_from(node.at("parallel"));
  if (const auto partition = node.find("partition")) out.partition = partition_from(*partition, out.parallel.pp);
  const Node corrections = node.at("corrections");
  out.corrections = corrections_from_json(corrections);
  check_stages(out, corrections);
  if (const auto observations = node.find("observations"))
    for (const Node& item : observations->items()) out.observations.push_back(observation_from(item, out.parallel.pp));
  return out;
}

Calibration read_calibration(const std::string& path) {
  return calibration_from_json(input::read_document(path).root());
}

}  // namespace ppplan::spec
