#include "planner/engines/memory_rules.h"

#include <memory>
#include <mutex>

#include "planner/catalog/catalog.h"
#include "planner/engines/vllm_version.h"
#include "planner/input/input_error.h"

namespace ppplan::engines {
namespace {

/// Of two rows of one name the newer wins, wherever it stands.
std::map<std::string, double> values_of(const VllmVersion* version) {
  std::map<std::string, double> values;
  std::map<std::string, VllmVersion> since;
  for (const input::Node& row : catalog::memory().root().at("constants").items()) {
    const std::string name = row.at("name").text();
    const VllmVersion from = vllm_version(row.at("since").text());
    if (version && *version < from) continue;
    if (const auto known = since.find(name); known != since.end() && from < known->second) continue;
    since[name] = from;
    values[name] = row.at("value").number();
  }
  return values;
}

std::unique_ptr<MemoryRules> rules_of(const std::string& text) {
  if (text.empty()) return std::make_unique<MemoryRules>(values_of(nullptr));
  const VllmVersion version = vllm_version(text);
  return std::make_unique<MemoryRules>(values_of(&version));
}

}  // namespace

double MemoryRules::value(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end())
    throw input::InputError("catalog:memory.json", "/constants", "a row named " + name + " for this version", "none");
  return found->second;
}

const MemoryRules& memory_rules(const std::string& version) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<MemoryRules>> known;
  const std::lock_guard lock(mutex);
  auto& rules = known[version];
  if (!rules) rules = rules_of(version);
  return *rules;
}

bool checks_whole_model(const std::string& version, int stages) {
  return stages > 1 && memory_rules(version).is("kv_check_whole_model");
}

}  // namespace ppplan::engines
