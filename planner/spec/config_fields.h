// A config.json beside what its architecture's class fills in: a field of the file, else the family's default.
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

  /// A switch of the family: false when absent, a constant, or the name of the config's field that decides.
  bool is(const class ConfigFields& config, const char* trait) const;
  std::string word(const char* key, const char* otherwise) const;
};

class ConfigFields {
 public:
  ConfigFields(input::Node config, std::optional<input::Node> defaults)
      : config_(std::move(config)), defaults_(std::move(defaults)) {}

  std::optional<input::Node> find(std::string_view key) const;
  /// Throws InputError that names the config when neither has the field.
  input::Node at(std::string_view key) const;
  int count(std::string_view key, int low, int high) const;
  int count_or(std::string_view key, int otherwise, int low, int high) const;
  bool flag(std::string_view key, bool otherwise = false) const;
  const input::Node& file() const { return config_; }

 private:
  input::Node config_;
  std::optional<input::Node> defaults_;
};

/// The family of the first known name under "architectures". Throws InputError with the known names and the nearest.
Family family_of(const input::Node& config);
std::vector<std::string> readable_architectures();

}  // namespace ppplan::spec
