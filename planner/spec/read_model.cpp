#include "planner/spec/read_model.h"

#include <algorithm>
#include <filesystem>

#include "planner/catalog/catalog.h"
#include "planner/input/input_error.h"
#include "planner/spec/flag_text.h"

namespace ppplan::spec {
namespace {

using input::InputError;
using input::Node;

/// All names of a catalog entry: its id, presets, and ids of the same dimensions.
std::vector<std::string> names_of(const Node& entry) {
  std::vector<std::string> names = {entry.at("id").text()};
  for (const char* list : {"presets", "variants"})
    if (const auto found = entry.find(list))
      for (const Node& name : found->items()) names.push_back(name.text());
  return names;
}

std::optional<Node> catalog_entry(const std::string& name) {
  for (const Node& entry : catalog::models().root().at("models").items()) {
    const auto names = names_of(entry);
    if (std::find(names.begin(), names.end(), name) != names.end()) return entry;
  }
  return std::nullopt;
}

bool looks_like_path(const std::string& name) {
  return name.ends_with(".json") || name.starts_with(".") || name.starts_with("/") || name.starts_with("~");
}

ModelSpec from_path(const std::string& name) {
  const std::filesystem::path path(name);
  std::error_code ignored;
  const bool folder = std::filesystem::is_directory(path, ignored);
  const std::string file = folder ? (path / "config.json").string() : name;
  const input::Document document = input::read_document(file);
  return model_from_config(document.root(), name);
}

}  // namespace

ModelSpec read_model(const std::string& name_or_path) {
  if (const auto entry = catalog_entry(name_or_path)) return model_from_config(entry->at("config"), name_or_path);
  std::error_code ignored;
  if (looks_like_path(name_or_path) || std::filesystem::exists(name_or_path, ignored)) return from_path(name_or_path);
  throw InputError("--model", "", "a known model, a config.json or a folder that holds one",
                   quoted_with_hint(name_or_path, known_models()));
}

std::vector<std::string> known_models() {
  std::vector<std::string> all;
  for (const Node& entry : catalog::models().root().at("models").items()) {
    const auto names = names_of(entry);
    all.insert(all.end(), names.begin(), names.end());
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::string served_name(const std::string& name) {
  const auto entry = catalog_entry(name);
  if (!entry) return name;
  const auto presets = entry->find("presets");
  if (!presets) return name;
  for (const Node& preset : presets->items())
    if (preset.text() == name) return entry->at("id").text();
  return name;
}

std::optional<std::int64_t> published_parameters(const std::string& name) {
  const auto entry = catalog_entry(name);
  if (!entry) return std::nullopt;
  const auto stated = entry->find("published_parameters");
  if (!stated) return std::nullopt;
  return stated->integer(1);
}

}  // namespace ppplan::spec
