#include "planner/engines/vllm_version.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <string_view>

#include "planner/catalog/catalog.h"
#include "planner/input/input_error.h"

namespace ppplan::engines {

namespace {

/// A number of at most four digits, which is removed from `rest`.
std::optional<int> leading_number(std::string_view& rest) {
  const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
  if (digits == 0 || digits > 4) return std::nullopt;
  int value = 0;
  std::from_chars(rest.data(), rest.data() + digits, value);
  rest.remove_prefix(digits);
  return value;
}

/// What may follow the numbers: a candidate, a repair, a build between releases.
bool is_suffix(std::string_view rest) {
  if (rest.empty()) return true;
  const bool known =
      rest.starts_with("rc") || rest.starts_with(".post") || rest.starts_with(".dev") || rest.starts_with("+");
  return known &&
         std::all_of(rest.begin(), rest.end(), [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '+'; });
}

std::optional<VllmVersion> parsed(std::string_view rest) {
  if (rest.starts_with('v')) rest.remove_prefix(1);
  const auto major = leading_number(rest);
  if (!major || !rest.starts_with('.')) return std::nullopt;
  rest.remove_prefix(1);
  const auto minor = leading_number(rest);
  if (!minor) return std::nullopt;
  std::optional<int> patch = 0;
  if (rest.size() > 1 && rest[0] == '.' && std::isdigit(static_cast<unsigned char>(rest[1]))) {
    rest.remove_prefix(1);
    patch = leading_number(rest);
  }
  // A repair of a release, such as 0.10.1.1, follows its release's rules.
  if (patch && rest.size() > 1 && rest[0] == '.' && std::isdigit(static_cast<unsigned char>(rest[1]))) {
    rest.remove_prefix(1);
    if (!leading_number(rest)) return std::nullopt;
  }
  if (!patch || !is_suffix(rest)) return std::nullopt;
  return VllmVersion{*major, *minor, *patch};
}

/// Rows that are not newer, oldest first; at least one.
std::vector<input::Node> rows_until(const std::string& version) {
  const VllmVersion asked = vllm_version(version);
  std::vector<input::Node> rows = catalog::vllm().root().at("versions").items();
  const std::string oldest = rows.front().at("since").text();
  std::erase_if(rows, [&](const input::Node& row) { return vllm_version(row.at("since").text()) > asked; });
  if (rows.empty()) throw input::InputError("--vllm", "", oldest + " or later", version);
  return rows;
}

}  // namespace

VllmVersion vllm_version(const std::string& text) {
  const auto version = parsed(text);
  if (!version) throw input::InputError("--vllm", "", "a version such as 0.26 or 0.14.1", "\"" + text + "\"");
  return *version;
}

input::Node vllm_row(const std::string& version) {
  const std::vector<input::Node> rows = rows_until(version);
  return rows.back();
}

input::Node vllm_rule(const std::string& version, const std::string& key) {
  const std::vector<input::Node> rows = rows_until(version);
  for (auto row = rows.rbegin(); row != rows.rend(); ++row)
    if (const auto value = row->find(key)) return *value;
  return rows.front().at(key);
}

}  // namespace ppplan::engines
