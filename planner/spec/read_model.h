// Models as people name them: a preset, a Hugging Face id of the catalog, a config.json, or a folder that holds one.
#pragma once

#include <string>
#include <vector>

#include "planner/input/document.h"
#include "planner/spec/model_spec.h"

namespace ppplan::spec {

/// Throws InputError: unknown name (with the nearest known one), missing file, unknown architecture (with the known
/// ones), or a field of the wrong type or out of range.
ModelSpec read_model(const std::string& name_or_path);
/// A Hugging Face config: architectures Llama, Qwen2, Qwen3, Mistral, Mixtral, Qwen3Moe (ForCausalLM).
ModelSpec model_from_config(const input::Node& config, const std::string& name);
/// Presets and ids, sorted.
std::vector<std::string> known_models();

}  // namespace ppplan::spec
