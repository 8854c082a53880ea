// Models as people name them: a preset, a Hugging Face id of the catalog, a config.json, or a folder that holds one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "planner/input/document.h"
#include "planner/spec/model_spec.h"

namespace ppplan::spec {

/// Other spellings of a catalog model's name are read as model_names.h says, with a note of what was assumed.
/// Throws InputError: unknown name (with the nearest known one), missing file, unknown architecture (with the known
/// ones), or a field of the wrong type or out of range. With a safetensors checkpoint beside config.json, its bytes
/// count (model.stated), or model.notes says why they do not; a damaged one throws.
ModelSpec read_model(const std::string& name_or_path);
/// A Hugging Face config: architectures Llama, Qwen2, Qwen3, Mistral, Mixtral, Qwen3Moe (ForCausalLM).
/// dtype is the checkpoint's (quantization_config, else torch_dtype, else bf16), kv_dtype the activations'.
ModelSpec model_from_config(const input::Node& config, const std::string& name);
/// Presets and ids as the catalog lists them, sorted.
std::vector<std::string> known_models();
/// "LlamaForCausalLM", ...: what model_from_config reads, sorted.
std::vector<std::string> known_architectures();

/// What a server is told to load: the Hugging Face id of a preset, otherwise the name itself (an id, a folder).
std::string served_name(const std::string& name);
/// Advertised size of a catalog model, where one is stated.
std::optional<std::int64_t> published_parameters(const std::string& name);

}  // namespace ppplan::spec
