#include "planner/engines/vllm_flags.h"

#include <algorithm>
#include <map>

#include "planner/catalog/catalog.h"
#include "planner/engines/vllm_version.h"

namespace ppplan::engines {
namespace {

using input::Node;

std::string text_or_nothing(const Node& row, const char* key) {
  const auto value = row.find(key);
  return value ? value->text() : std::string();
}

FlagTakes takes_of(const Node& takes) {
  const std::string text = takes.text();
  if (text == "none") return FlagTakes::none;
  if (text == "value") return FlagTakes::value;
  if (text == "list") return FlagTakes::list;
  takes.fail("\"none\", \"value\" or \"list\"");
}

VllmFlag flag_of(const Node& row) {
  VllmFlag out;
  out.name = row.at("name").text();
  if (const auto aliases = row.find("aliases"))
    for (const Node& alias : aliases->items()) out.aliases.push_back(alias.text());
  out.takes = takes_of(row.at("takes"));
  out.since = row.at("since").text();
  out.until = text_or_nothing(row, "until");
  out.no_form_since = text_or_nothing(row, "no_form_since");
  out.value_until = text_or_nothing(row, "value_until");
  if (const auto modelled = row.find("modelled")) out.modelled = modelled->boolean();
  return out;
}

const std::vector<VllmFlag>& all_flags() {
  static const std::vector<VllmFlag> flags = [] {
    std::vector<VllmFlag> out;
    for (const Node& row : catalog::vllm_flags().root().at("flags").items()) out.push_back(flag_of(row));
    return out;
  }();
  return flags;
}

/// Names and aliases. A name wins over an alias of another flag.
const std::map<std::string, const VllmFlag*>& flags_by_spelling() {
  static const std::map<std::string, const VllmFlag*> spellings = [] {
    std::map<std::string, const VllmFlag*> out;
    for (const VllmFlag& flag : all_flags()) out[flag.name] = &flag;
    for (const VllmFlag& flag : all_flags())
      for (const std::string& alias : flag.aliases) out.try_emplace(alias, &flag);
    return out;
  }();
  return spellings;
}

/// 0.10 covers 0.10.0 to 0.10.x as an upper end: the last release that was read of that series.
bool is_past(const VllmVersion& asked, const std::string& last) {
  const VllmVersion end = vllm_version(last);
  return std::pair(asked.major, asked.minor) > std::pair(end.major, end.minor) || (end.patch > 0 && asked > end);
}

}  // namespace

std::string dashed(std::string flag) {
  if (!flag.starts_with("--")) return flag;
  const std::size_t end = std::min(flag.find_first_of("=."), flag.size());
  std::replace(flag.begin(), flag.begin() + static_cast<std::ptrdiff_t>(end), '_', '-');
  return flag;
}

const VllmFlag* find_flag(const std::string& spelled) {
  const auto found = flags_by_spelling().find(dashed(spelled));
  return found == flags_by_spelling().end() ? nullptr : found->second;
}

const VllmFlag* completed_flag(const std::string& start, const std::string& version) {
  const std::string wanted = dashed(start);
  if (!wanted.starts_with("--") || wanted.size() < 3) return nullptr;
  const VllmFlag* found = nullptr;
  for (const VllmFlag& flag : all_flags()) {
    if (!flag.name.starts_with(wanted) || !has_flag(version, flag)) continue;
    if (found != nullptr) return nullptr;
    found = &flag;
  }
  return found;
}

bool has_flag(const std::string& version, const VllmFlag& flag) {
  const VllmVersion asked = vllm_version(version);
  return asked >= vllm_version(flag.since) && (flag.until.empty() || !is_past(asked, flag.until));
}

bool has_no_form(const std::string& version, const VllmFlag& flag) {
  return !flag.no_form_since.empty() && vllm_version(version) >= vllm_version(flag.no_form_since);
}

bool takes_truth(const std::string& version, const VllmFlag& flag) {
  return !flag.value_until.empty() && !is_past(vllm_version(version), flag.value_until);
}

std::string flag_fault(const std::string& version, const VllmFlag& flag) {
  if (has_flag(version, flag)) return "";
  const std::string start = "vLLM " + version + " has no " + flag.name + ": ";
  if (vllm_version(version) < vllm_version(flag.since)) return start + "it came with " + flag.since;
  return start + "its last release with it is " + flag.until;
}

std::string unknown_flag(const std::string& spelled) {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const VllmFlag& flag : all_flags()) out.push_back(flag.name);
    return out;
  }();
  const std::string name = dashed(spelled).substr(0, 80);
  const std::string near = input::nearest(name, names);
  return "unknown flag " + name + (near.empty() ? "" : " (did you mean " + near + "?)");
}

}  // namespace ppplan::engines
