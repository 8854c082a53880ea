#include "planner/catalog/catalog.h"

#include <filesystem>
#include <string_view>

#include "planner/input/input_error.h"

namespace ppplan::catalog {

// Defined in the source that the build generates from the data folder.
std::string_view embedded_file(std::string_view name);

namespace {

std::string& data_folder() {
  static std::string folder;
  return folder;
}

input::Document load(const std::string& name) {
  if (!data_folder().empty()) {
    const std::filesystem::path path = std::filesystem::path(data_folder()) / name;
    if (std::filesystem::exists(path)) return input::read_document(path.string());
  }
  return input::parse_document(embedded_file(name), "catalog:" + name);
}

}  // namespace

const input::Document& models() {
  static const input::Document document = load("models.json");
  return document;
}

const input::Document& architectures() {
  static const input::Document document = load("architectures.json");
  return document;
}

const input::Document& gpus() {
  static const input::Document document = load("gpus.json");
  return document;
}

const input::Document& dtypes() {
  static const input::Document document = load("dtypes.json");
  return document;
}

const input::Document& vllm() {
  static const input::Document document = load("vllm.json");
  return document;
}

const input::Document& vllm_flags() {
  static const input::Document document = load("vllm_flags.json");
  return document;
}

const input::Document& vllm_log() {
  static const input::Document document = load("vllm_log.json");
  return document;
}

const input::Document& memory() {
  static const input::Document document = load("memory.json");
  return document;
}

std::optional<input::Node> architecture(const std::string& name) {
  for (const input::Node& entry : architectures().root().at("architectures").items())
    for (const input::Node& known : entry.at("names").items())
      if (known.text() == name) return entry;
  return std::nullopt;
}

void set_data_folder(const std::string& folder) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored))
    throw input::InputError("--data", "", "a folder", "\"" + folder + "\"");
  data_folder() = folder;
}

}  // namespace ppplan::catalog
