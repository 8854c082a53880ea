#include "planner/spec/read_model.h"

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "planner/catalog/catalog.h"
#include "planner/input/input_error.h"
#include "planner/spec/flag_text.h"
#include "planner/spec/stated_bytes.h"

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

/// Bytes of the checkpoint beside a config, where they are what an engine would load; otherwise a note says why not.
void set_stated(ModelSpec& model, const std::string& folder) {
  StatedWeights weights = stated_weights(folder, static_cast<int>(model.layers.size()));
  const std::string formula = "; the config's dimensions count instead";
  if (!weights.bytes && !weights.note.empty()) weights.note += formula;
  if (!weights.note.empty()) model.notes.push_back(weights.note);
  if (!weights.bytes) return;
  const auto& layers = weights.bytes->layer_bytes;
  const bool wide = 2 * weights.wide_bytes > std::accumulate(layers.begin(), layers.end(), std::int64_t{0});
  if (wide && model.activation_dtype != DType::fp32) {
    model.notes.push_back("the checkpoint is in 4 bytes or more per number, which the config's " +
                          std::string(name(model.activation_dtype)) + " does not load" + formula);
    return;
  }
  if (weights.bytes->draft_bytes > 0 && model.draft_layers.empty())
    model.notes.push_back("the checkpoint holds " + std::to_string(weights.bytes->draft_bytes) +
                          " bytes beyond the config's " + std::to_string(layers.size()) +
                          " layers, taken for draft layers and not counted");
  model.stated = std::move(weights.bytes);
}

ModelSpec from_path(const std::string& name) {
  const std::filesystem::path path(name);
  std::error_code ignored;
  const bool folder = std::filesystem::is_directory(path, ignored);
  const std::string file = folder ? (path / "config.json").string() : name;
  const input::Document document = input::read_document(file);
  ModelSpec model = model_from_config(document.root(), name);
  const std::filesystem::path config(file);
  if (config.filename() == "config.json") set_stated(model, config.parent_path().string());
  return model;
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
