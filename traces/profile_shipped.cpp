#include "planner/input/input_error.h"
#include "traces/profile_json.h"

namespace ppplan::traces {

// Written by the build from the files in traces/profiles (ppplan_embed).
std::string_view embedded_file(std::string_view name);
std::vector<std::string_view> embedded_names();

namespace {
constexpr std::string_view suffix = ".json";
}

std::vector<std::string> shipped_profile_names() {
  std::vector<std::string> out;
  for (std::string_view file : embedded_names()) out.emplace_back(file.substr(0, file.size() - suffix.size()));
  return out;
}

Profile shipped_profile(const std::string& name) {
  const std::vector<std::string> names = shipped_profile_names();
  const std::string_view text = embedded_file(name + std::string(suffix));
  if (text.empty()) {
    std::string all;
    for (const std::string& one : names) all += (all.empty() ? "" : ", ") + one;
    throw input::InputError("--profile", "", "a file or one of " + all, "\"" + name + "\"");
  }
  return profile_from_json(input::parse_document(text, name + std::string(suffix)).root());
}

}  // namespace ppplan::traces
