#include "planner/engines/memory_rules.h"

#include <memory>
#include <mutex>
#include <tuple>
#include <utility>

#include "planner/catalog/catalog.h"
#include "planner/engines/vllm_rules.h"
#include "planner/engines/vllm_version.h"
#include "planner/input/input_error.h"

namespace ppplan::engines {
namespace {

/// Of two rows of one name the newer wins, wherever it stands.
std::map<std::string, double> values_of(const VllmVersion* version, bool v0) {
  std::map<std::string, double> values;
  std::map<std::string, VllmVersion> since;
  for (const input::Node& row : catalog::memory().root().at("constants").items()) {
    const std::string name = row.at("name").text();
    const VllmVersion from = vllm_version(row.at("since").text());
    if (version && *version < from) continue;
    if (v0 && row.find("engine")) continue;
    if (const auto known = since.find(name); known != since.end() && from < known->second) continue;
    since[name] = from;
    values[name] = row.at("value").number();
  }
  return values;
}

std::unique_ptr<MemoryRules> rules_of(const std::string& text, bool v0) {
  if (text.empty()) return std::make_unique<MemoryRules>(values_of(nullptr, v0));
  const VllmVersion version = vllm_version(text);
  return std::make_unique<MemoryRules>(values_of(&version, v0));
}

const MemoryRules& known_rules(const std::string& version, bool v0) {
  static std::mutex mutex;
  static std::map<std::pair<std::string, bool>, std::unique_ptr<MemoryRules>> known;
  const std::lock_guard lock(mutex);
  auto& rules = known[{version, v0}];
  if (!rules) rules = rules_of(version, v0);
  return *rules;
}

/// The release leaves models with states to engine V0, so that it matters whether a model keeps any.
bool leaves_states(const std::string& version) {
  static std::map<std::string, bool> known;
  const auto [place, added] = known.try_emplace(version, false);
  if (added) place->second = vllm_rule(version_or_newest(version), "v0_states").boolean();
  return place->second;
}

/// Asked for every stage of every partition, while the answer follows from little of the plan.
bool on_v0(const spec::Plan& plan) {
  static std::mutex mutex;
  static std::map<std::tuple<std::string, bool, int, std::string, spec::DType, std::string, bool>, bool> known;
  const int capability = plan.cluster.devices.empty() ? 0 : plan.cluster.devices.front().compute_capability;
  const std::lock_guard lock(mutex);
  const bool states = leaves_states(plan.provenance.vllm) && spec::has_states(plan.model);
  const auto [place, added] =
      known.try_emplace({plan.provenance.vllm, plan.parallel.pp > 1, capability, plan.engine.generation,
                         plan.model.kv_dtype, plan.model.architecture, states},
                        false);
  if (added) place->second = engine_of(plan) == "V0";
  return place->second;
}

}  // namespace

double MemoryRules::value(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end())
    throw input::InputError("catalog:memory.json", "/constants", "a row named " + name + " for this version", "none");
  return found->second;
}

const MemoryRules& memory_rules(const std::string& version) { return known_rules(version, false); }

const MemoryRules& memory_rules(const spec::Plan& plan) { return known_rules(plan.provenance.vllm, on_v0(plan)); }

bool checks_whole_model(const std::string& version, int stages) {
  return stages > 1 && memory_rules(version).is("kv_check_whole_model");
}

}  // namespace ppplan::engines
