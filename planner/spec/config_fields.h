// A config.json beside what its architecture's class fills in: a field of the file, else the one that the family calls
// by another name, else the family's default.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "planner/input/document.h"

namespace ppplan::spec {

/// How the catalog describes an architecture's config: data/architectures.json, member "config".
struct Family {
  std::string architecture;  // as the config names it
  input::Node rules;
  std::optional<input::Node> inner = std::nullopt;  // of the language model inside, for what `rules` leave open

  std::optional<input::Node> find(const char* key) const;

  /// A switch of the family: false when absent, a constant, or the name of the config's field that decides.
  bool is(const class ConfigFields& config, const char* trait) const;
  std::string word(const char* key, const char* otherwise) const;
};

class ConfigFields {
 public:
  /// `names`: other names of fields, those of members as "ffn_config/ffn_hidden_size".
  ConfigFields(input::Node config, std::optional<input::Node> defaults, std::optional<input::Node> names = std::nullopt)
      : config_(std::move(config)), defaults_(std::move(defaults)), names_(std::move(names)) {}

  std::optional<input::Node> find(std::string_view key) const;
  /// Throws InputError that names the config when neither has the field.
  input::Node at(std::string_view key) const;
  /// A list that states one number for every layer counts as that number.
  int count(std::string_view key, int low, int high) const;
  int count_or(std::string_view key, int otherwise, int low, int high) const;
  bool flag(std::string_view key, bool otherwise = false) const;
  const input::Node& file() const { return config_; }

 private:
  input::Node config_;
  std::optional<input::Node> defaults_, names_;
};

/// The family of the first known name under "architectures". Throws InputError with the known names and the nearest.
Family family_of(const input::Node& config);
std::vector<std::string> readable_architectures();

}  // namespace ppplan::spec
