// Constants of the memory account by version of vLLM; data with unit and source in planner/catalog/data/memory.json.
#pragma once

#include <map>
#include <string>

#include "planner/spec/plan.h"

namespace ppplan::engines {

/// The constants that one version follows, by name.
class MemoryRules {
 public:
  explicit MemoryRules(std::map<std::string, double> values) : values_(std::move(values)) {}
  /// Throws InputError for a name that the data lacks.
  double value(const std::string& name) const;
  bool is(const std::string& name) const { return value(name) != 0; }

 private:
  std::map<std::string, double> values_;
};

/// Of a version; "" = the newest. Read once per version. Throws InputError for what is no version, and for broken data.
const MemoryRules& memory_rules(const std::string& version);
/// Of a plan: of its version, less the rows that only engine V1 follows where engine V0 serves it.
const MemoryRules& memory_rules(const spec::Plan& plan);
/// True where the server compares the KV cache of one request over all layers of the model with the stage that has
/// least, of several stages.
bool checks_whole_model(const std::string& version, int stages);

}  // namespace ppplan::engines
