#include "planner/engines/vllm_version.h"

#include <optional>
#include <regex>

#include "planner/catalog/catalog.h"
#include "planner/input/input_error.h"

namespace ppplan::engines {

VllmVersion vllm_version(const std::string& text) {
  static const std::regex pattern(R"(v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(?:(?:\.post|\.dev|rc|\+)[0-9A-Za-z.+]*)?)");
  std::smatch match;
  // Longer texts can't be versions, and std::regex recurses once per character.
  if (text.size() > 60 || !std::regex_match(text, match, pattern))
    throw input::InputError("--vllm", "", "a version such as 0.26 or 0.14.1", "\"" + text + "\"");
  return {std::stoi(match[1]), std::stoi(match[2]), match[3].matched ? std::stoi(match[3]) : 0};
}

input::Node vllm_row(const std::string& version) {
  const VllmVersion asked = vllm_version(version);
  const auto rows = catalog::vllm().root().at("versions").items();
  std::optional<input::Node> found;
  for (const input::Node& row : rows)
    if (vllm_version(row.at("since").text()) <= asked) found = row;
  if (!found) throw input::InputError("--vllm", "", rows.front().at("since").text() + " or later", version);
  return *found;
}

}  // namespace ppplan::engines
