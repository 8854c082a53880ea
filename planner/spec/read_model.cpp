#include "planner/spec/read_model.h"

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "planner/input/input_error.h"
#include "planner/spec/flag_text.h"
#include "planner/spec/model_names.h"
#include "planner/spec/stated_bytes.h"

namespace ppplan::spec {
namespace {

using input::InputError;
using input::Node;

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

/// What the name leaves open of a quantized checkpoint's formats, and that it does.
void doubt_attention(ModelSpec& model, const std::string& models) {
  const bool fits = models == "all" || (!models.empty() && has_states(model)) ||
                    (models == "experts or states" && has_experts(model));
  if (!fits) return;
  model.attention_may_be_wide = true;
  model.notes.push_back(
      "checkpoints of that ending often leave attention in 16 bits, which counts as doubt: give the folder with its "
      "config.json to know");
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
  if (auto found = catalog_model(name_or_path)) {
    const input::Document config(std::move(found->config), "catalog:models.json " + name_or_path);
    ModelSpec model = model_from_config(config.root(), name_or_path);
    model.notes = std::move(found->notes);
    doubt_attention(model, found->wide_attention);
    return model;
  }
  std::error_code ignored;
  if (looks_like_path(name_or_path) || std::filesystem::exists(name_or_path, ignored)) return from_path(name_or_path);
  throw InputError("--model", "", "a known model, a config.json or a folder that holds one",
                   quoted_with_hint(name_or_path, possibly_meant(name_or_path)));
}

std::vector<std::string> known_models() { return listed_names(); }

std::string served_name(const std::string& name) {
  const auto found = listed_model(name);
  const auto presets = found ? found->entry.find("presets") : std::nullopt;
  if (!presets) return name;
  for (const Node& preset : presets->items())
    if (preset.text() == name) return found->entry.at("id").text();
  return name;
}

std::optional<std::int64_t> published_parameters(const std::string& name) {
  const auto found = listed_model(name);
  const auto stated = found ? found->entry.find("published_parameters") : std::nullopt;
  if (!stated) return std::nullopt;
  return stated->integer(1);
}

}  // namespace ppplan::spec
