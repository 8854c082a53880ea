#include "planner/engines/line_engine.h"

#include <algorithm>
#include <optional>

#include "planner/catalog/catalog.h"
#include "planner/engines/vllm_rules.h"
#include "planner/engines/vllm_version.h"

namespace ppplan::engines {
namespace {

using input::Node;

std::optional<std::string> value_of(const ServeLine& line, const std::string& word) {
  for (const auto* words : {&line.flags, &line.env})
    if (const auto found = words->find(word); found != words->end()) return found->second;
  return std::nullopt;
}

bool lists(const Node& values, const std::string& value) {
  const auto all = values.items();
  return std::any_of(all.begin(), all.end(), [&](const Node& one) { return one.text() == value; });
}

bool counts(const Node& row, const VllmVersion& version) {
  const auto until = row.find("until");
  return vllm_version(row.at("since").text()) <= version && (!until || version < vllm_version(until->text()));
}

bool forces_v0(const Node& row, const ServeLine& line) {
  const auto value = value_of(line, row.at("word").text());
  if (!value || *value == "false") return false;
  if (const auto only = row.find("v0")) return lists(*only, *value);
  const auto but = row.find("v1");
  return !but || !lists(*but, *value);
}

}  // namespace

std::string engine_of_line(const ServeLine& line, const std::string& release) {
  const std::string text = version_or_newest(release);
  if (!vllm_rule(text, "has_v0").boolean()) return "";
  const std::string asked = value_of(line, "VLLM_USE_V1").value_or("");
  if (asked == "0") return "V0";
  if (vllm_rule(text, "engine").text() == "V0") return "";
  if (asked == "1") return "V1";
  const VllmVersion version = vllm_version(text);
  for (const Node& row : catalog::vllm().root().at("v0_words").items())
    if (counts(row, version) && forces_v0(row, line)) return "V0";
  return value_of(line, "--distributed-executor-backend") == "ray" ? "V1" : "";
}

}  // namespace ppplan::engines
