// The data that ships with ppplan: models, GPUs, vLLM versions and flags. Embedded at build time; set_data_folder makes
// files of the same names in a folder take precedence (--data DIR).
#pragma once

#include <optional>
#include <string>

#include "planner/input/document.h"

namespace ppplan::catalog {

/// "models.json", "architectures.json", "gpus.json", "dtypes.json", "vllm.json", "vllm_flags.json", "vllm_log.json",
/// "memory.json". Parsed once; throws InputError when the folder's file is broken.
const input::Document& models();
const input::Document& architectures();
const input::Document& gpus();
const input::Document& dtypes();
const input::Document& vllm();
const input::Document& vllm_flags();
const input::Document& vllm_log();
const input::Document& memory();

/// The entry of architectures.json that names it.
std::optional<input::Node> architecture(const std::string& name);

/// Before any of the above is read. Throws InputError when there is no such folder; files that it lacks come from the
/// binary.
void set_data_folder(const std::string& folder);

}  // namespace ppplan::catalog
