#include "planner/engines/line_graphs.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>

#include "planner/engines/memory_rules.h"
#include "planner/engines/vllm_rules.h"
#include "planner/engines/vllm_version.h"
#include "planner/input/document.h"

namespace ppplan::engines {
namespace {

constexpr int most_tokens = 1 << 20;
constexpr int compiles = 3;  // level, before 0.12

std::optional<int> count_of(const std::string& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && value >= 0 && value <= most_tokens ? std::optional(value) : std::nullopt;
}

std::optional<int> count_of(const input::Json& value) {
  if (value.is_string()) return count_of(value.get<std::string>());
  return value.is_number_integer() ? count_of(value.dump()) : std::nullopt;
}

std::string text_of(const ServeLine& line, const char* flag) {
  const auto found = line.flags.find(flag);
  return found == line.flags.end() ? std::string() : found->second;
}

/// The positive ones, ascending.
void take_sizes(const std::vector<std::optional<int>>& values, LineGraphs& out) {
  std::set<int> sizes;
  for (const auto& value : values)
    if (value.value_or(0) > 0) sizes.insert(*value);
  if (!sizes.empty()) out.sizes.assign(sizes.begin(), sizes.end());
}

void take_list(const std::string& words, LineGraphs& out) {
  std::istringstream in(words);
  std::vector<std::optional<int>> values;
  for (std::string word; in >> word;) values.push_back(count_of(word));
  take_sizes(values, out);
}

void take_largest(std::optional<int> value, LineGraphs& out) {
  if (value.value_or(0) > 0) out.largest = value;
}

/// What a level, or since 0.12 an optimization, leaves of the graphs.
std::string mode_of_level(std::optional<int> level, const VllmVersion& version) {
  if (!level) return "";
  if (version < vllm_version("0.12")) return *level < compiles ? "NONE" : "";
  return *level == 0 ? "NONE" : *level == 1 ? "PIECEWISE" : "";
}

bool is_mode(const std::string& word) {
  static const std::set<std::string> known = {"NONE", "PIECEWISE", "FULL", "FULL_DECODE_ONLY", "FULL_AND_PIECEWISE"};
  return known.contains(word);
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return text;
}

/// Compiling nothing captures nothing, as a config's level or mode says it.
bool compiles_nothing(const input::Json& config, const VllmVersion& version) {
  for (const char* key : {"level", "mode"})
    if (const auto found = config.find(key); found != config.end()) {
      const auto number = count_of(*found);
      if (number && *number < (version < vllm_version("0.12") ? compiles : 1)) return true;
      if (found->is_string() && upper(found->get<std::string>()) == "NONE") return true;
    }
  const auto use = config.find("use_cudagraph");
  return use != config.end() && use->is_boolean() && !use->get<bool>();
}

void take_config(const input::Json& config, const VllmVersion& version, LineGraphs& out) {
  if (const auto sizes = config.find("cudagraph_capture_sizes"); sizes != config.end() && sizes->is_array()) {
    std::vector<std::optional<int>> values;
    for (const input::Json& size : *sizes) values.push_back(count_of(size));
    take_sizes(values, out);
  }
  if (const auto most = config.find("max_cudagraph_capture_size"); most != config.end())
    take_largest(count_of(*most), out);
  if (compiles_nothing(config, version)) out.mode = "NONE";
  if (const auto mode = config.find("cudagraph_mode"); mode != config.end() && mode->is_string())
    if (const std::string word = upper(mode->get<std::string>()); is_mode(word)) out.mode = word;
}

}  // namespace

LineGraphs graphs_of_line(const ServeLine& line, const std::string& release) {
  const VllmVersion version = vllm_version(version_or_newest(release));
  LineGraphs out;
  const std::string config = text_of(line, "--compilation-config");
  const input::Json parsed = input::Json::parse(config, nullptr, false);
  if (parsed.is_object()) take_config(parsed, version, out);
  // A level decides what the config leaves open.
  for (const std::string& level : {config, text_of(line, "--optimization-level")})
    if (out.mode.empty()) out.mode = mode_of_level(count_of(level), version);
  take_list(text_of(line, "--cudagraph-capture-sizes"), out);
  take_list(text_of(line, "--cuda-graph-sizes"), out);
  if (!text_of(line, "--cuda-graph-sizes").empty() && out.sizes.size() == 1) {
    out.largest = out.sizes.front();
    out.sizes.clear();
  }
  take_largest(count_of(text_of(line, "--max-cudagraph-capture-size")), out);
  if (version < vllm_version("0.8")) out.mode.clear();  // engine V0 captures whatever the level
  return out;
}

std::vector<int> captured_batches(int largest, const std::string& release) {
  const MemoryRules& rules = memory_rules(version_or_newest(release));
  const auto eights_below = static_cast<int>(rules.value("cuda_graph_eights_below"));
  std::vector<int> out;
  for (int size = 1; size <= largest; size = next_captured(size, eights_below)) out.push_back(size);
  return out;
}

int next_captured(int size, int eights_below) {
  if (size < 4) return 2 * size;
  return size + (size < 8 ? 4 : size < eights_below ? 8 : 16);
}

}  // namespace ppplan::engines
