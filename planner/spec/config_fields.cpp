#include "planner/spec/config_fields.h"

#include <algorithm>

#include "planner/catalog/catalog.h"
#include "planner/spec/flag_text.h"

namespace ppplan::spec {

using input::Node;

bool Family::is(const ConfigFields& config, const char* trait) const {
  const auto rule = rules.find(trait);
  if (!rule) return false;
  return rule->is_text() ? config.flag(rule->text()) : rule->boolean();
}

std::string Family::word(const char* key, const char* otherwise) const {
  const auto found = rules.find(key);
  return found ? found->text() : otherwise;
}

std::optional<Node> ConfigFields::find(std::string_view key) const {
  if (auto stated = config_.find(key)) return stated;
  // null is a statement too: no window, no compression of queries.
  if (config_.json().contains(key)) return std::nullopt;
  return defaults_ ? defaults_->find(key) : std::nullopt;
}

Node ConfigFields::at(std::string_view key) const {
  const auto found = find(key);
  return found ? *found : config_.at(key);
}

int ConfigFields::count(std::string_view key, int low, int high) const {
  return static_cast<int>(at(key).integer(low, high));
}

int ConfigFields::count_or(std::string_view key, int otherwise, int low, int high) const {
  const auto found = find(key);
  return found ? static_cast<int>(found->integer(low, high)) : otherwise;
}

bool ConfigFields::flag(std::string_view key, bool otherwise) const {
  const auto found = find(key);
  return found ? found->boolean() : otherwise;
}

std::vector<std::string> readable_architectures() {
  std::vector<std::string> out;
  for (const Node& entry : catalog::architectures().root().at("architectures").items())
    if (entry.find("config"))
      for (const Node& name : entry.at("names").items()) out.push_back(name.text());
  std::sort(out.begin(), out.end());
  return out;
}

namespace {

std::optional<Family> find_family(const std::string& architecture) {
  const auto entry = catalog::architecture(architecture);
  const auto rules = entry ? entry->find("config") : std::nullopt;
  if (!rules) return std::nullopt;
  return Family{architecture, *rules};
}

}  // namespace

Family family_of(const Node& config) {
  const Node list = config.at("architectures");
  for (const Node& item : list.items())
    if (auto family = find_family(item.text())) return *family;
  const auto known = readable_architectures();
  std::string names;
  for (const std::string& name : known) names.append(names.empty() ? "" : ", ").append(name);
  const auto items = list.items();
  list.fail("one of " + names, items.empty() ? "an empty list" : quoted_with_hint(items.front().text(), known));
}

}  // namespace ppplan::spec
