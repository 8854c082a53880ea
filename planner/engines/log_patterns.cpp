#include "planner/engines/log_patterns.h"

#include <array>
#include <string_view>

#include "planner/catalog/catalog.h"

namespace ppplan::engines {
namespace {

// In the order of the enums.
constexpr std::array<std::string_view, 18> figure_names = {"weights",     "consumed",
                                                           "non_torch",   "activation",
                                                           "peak_torch",  "kv",
                                                           "graph",       "graph_estimate",
                                                           "total",       "free",
                                                           "utilization", "kv_tokens",
                                                           "kv_blocks",   "max_model_len",
                                                           "concurrency", "max_num_batched_tokens",
                                                           "block_size",  "batches_in_flight"};
constexpr std::array<std::string_view, 12> fact_names = {"engine_config", "banner",    "arguments",   "partition",
                                                         "rank",          "v2_runner", "free_memory", "capturing",
                                                         "started",       "traceback", "repeated",    "loading"};

template <typename Enum, std::size_t count>
Enum named(const input::Node& node, const std::array<std::string_view, count>& names) {
  const std::string text = node.text();
  for (std::size_t i = 0; i < count; ++i)
    if (names[i] == text) return static_cast<Enum>(i);
  node.fail("a name that the reader of logs knows");
}

struct Lists {
  std::vector<std::string> texts;
  std::vector<LogPattern> patterns;
};

void read_figures(const input::Node& root, Lists& out) {
  for (const input::Node& item : root.at("figures").items()) {
    LogPattern pattern;
    pattern.figure = named<Figure>(item.at("figure"), figure_names);
    if (const auto before = item.find("before")) pattern.before = before->boolean();
    out.texts.push_back(item.at("text").text());
    out.patterns.push_back(pattern);
  }
}

void read_facts(const input::Node& root, Lists& out) {
  for (const input::Node& item : root.at("facts").items()) {
    LogPattern pattern;
    pattern.fact = named<Fact>(item.at("fact"), fact_names);
    out.texts.push_back(item.at("text").text());
    out.patterns.push_back(pattern);
  }
  for (const input::Node& item : root.at("frames").items()) {
    LogPattern pattern;
    pattern.frame = item.at("place").text();
    out.texts.push_back(item.at("text").text());
    out.patterns.push_back(pattern);
  }
}

void read_failures(const input::Node& root, Lists& out) {
  for (const input::Node& item : root.at("failures").items()) {
    LogPattern pattern;
    pattern.kind = item.at("kind").text();
    pattern.place = item.at("place").text();
    pattern.strength = item.at("strength").count(0);
    out.texts.push_back(item.at("text").text());
    out.patterns.push_back(pattern);
  }
}

LogPatterns load() {
  const input::Node root = catalog::vllm_log().root();
  root.expect_format("ppplan/vllm-log/", 1);
  Lists lists;
  read_figures(root, lists);
  read_facts(root, lists);
  read_failures(root, lists);
  return {FragmentSearch(lists.texts), lists.patterns};
}

}  // namespace

const LogPatterns& log_patterns() {
  static const LogPatterns patterns = load();
  return patterns;
}

}  // namespace ppplan::engines
