#include "planner/spec/config_fields.h"

#include <algorithm>

#include "planner/catalog/catalog.h"
#include "planner/spec/flag_text.h"

namespace ppplan::spec {

using input::Node;

std::optional<Node> Family::find(const char* key) const {
  auto found = rules.find(key);
  return found || !inner ? found : inner->find(key);
}

bool Family::is(const ConfigFields& config, const char* trait) const {
  const auto rule = find(trait);
  if (!rule) return false;
  return rule->is_text() ? config.flag(rule->text()) : rule->boolean();
}

std::string Family::word(const char* key, const char* otherwise) const {
  const auto found = find(key);
  return found ? found->text() : otherwise;
}

namespace {

/// The member that a path like "ffn_config/ffn_hidden_size" leads to.
std::optional<Node> member(const Node& config, const std::string& path) {
  const std::size_t cut = path.find('/');
  const auto found = config.find(path.substr(0, cut));
  return found && cut != std::string::npos ? member(*found, path.substr(cut + 1)) : found;
}

/// A number, or a list of as many equal ones as there are layers (Hunyuan).
int number(const Node& node, int low, int high) {
  if (!node.json().is_array()) return static_cast<int>(node.integer(low, high));
  const auto items = node.items();
  if (items.empty()) node.fail("a number");
  const std::int64_t first = items.front().integer(low, high);
  for (const Node& item : items)
    if (item.integer(low, high) != first) item.fail(std::to_string(first) + " as in the other layers");
  return static_cast<int>(first);
}

}  // namespace

std::optional<Node> ConfigFields::find(std::string_view key) const {
  if (auto stated = config_.find(key)) return stated;
  if (const auto other = names_ ? names_->find(key) : std::nullopt)
    if (auto stated = member(config_, other->text())) return stated;
  // null is a statement too: no window, no compression of queries.
  if (config_.json().contains(key)) return std::nullopt;
  return defaults_ ? defaults_->find(key) : std::nullopt;
}

Node ConfigFields::at(std::string_view key) const {
  const auto found = find(key);
  return found ? *found : config_.at(key);
}

int ConfigFields::count(std::string_view key, int low, int high) const { return number(at(key), low, high); }

int ConfigFields::count_or(std::string_view key, int otherwise, int low, int high) const {
  const auto found = find(key);
  return found ? number(*found, low, high) : otherwise;
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

/// A wrapper of many language models takes the rules of the one that its config names, else those of its usual one.
Family with_inner(Family family, const Node& config) {
  const auto usual = family.rules.find("inner");
  if (!usual) return family;
  std::string name = usual->text();
  const auto text = config.find(family.word("text", "text_config"));
  const auto list = text ? text->find("architectures") : std::nullopt;
  if (list && !list->items().empty()) name = list->items().front().text();
  const auto inner = find_family(name);
  if (!inner) list->items().front().fail("one of the known architectures", "\"" + name + "\"");
  family.inner = inner->rules;
  return family;
}

}  // namespace

Family family_of(const Node& config) {
  const Node list = config.at("architectures");
  for (const Node& item : list.items())
    if (auto family = find_family(item.text())) return with_inner(*family, config);
  const auto known = readable_architectures();
  std::string names;
  for (const std::string& name : known) names.append(names.empty() ? "" : ", ").append(name);
  const auto items = list.items();
  list.fail("one of " + names, items.empty() ? "an empty list" : quoted_with_hint(items.front().text(), known));
}

}  // namespace ppplan::spec
