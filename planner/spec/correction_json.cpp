// Corrections of the memory account, as plans and calibrations hold them.
#include "planner/spec/plan_json.h"

namespace ppplan::spec {
namespace {

constexpr int most_stages = 10'000;
constexpr std::int64_t most_bytes = std::int64_t{1} << 50;

std::string part_from(const input::Node& node) {
  std::string part = node.text();
  for (const char* known : {"weights", "activation", "cuda_graph", "other", "kv"})
    if (part == known) return part;
  node.fail("weights, activation, cuda_graph, other or kv");
}

}  // namespace

input::Json to_json(const std::vector<Correction>& corrections) {
  input::Json out = input::Json::array();
  for (const Correction& correction : corrections) {
    input::Json item{{"part", correction.part}, {"delta_bytes", correction.delta_bytes}};
    if (correction.stage) item["stage"] = *correction.stage;
    item["source"] = correction.source;
    out.push_back(item);
  }
  return out;
}

std::vector<Correction> corrections_from_json(const input::Node& list) {
  std::vector<Correction> out;
  for (const input::Node& item : list.items()) {
    Correction correction;
    correction.part = part_from(item.at("part"));
    correction.delta_bytes = item.at("delta_bytes").integer(-most_bytes, most_bytes);
    if (const auto stage = item.find("stage")) correction.stage = static_cast<int>(stage->integer(0, most_stages));
    if (const auto source = item.find("source")) correction.source = source->text();
    out.push_back(correction);
  }
  return out;
}

}  // namespace ppplan::spec
