#include "planner/verify/memory_constants.h"

#include <map>
#include <optional>
#include <vector>

#include "planner/catalog/catalog.h"
#include "planner/input/input_error.h"

namespace ppplan::verify {
namespace {

std::vector<int> numbers(const std::string& text) {
  std::vector<int> out = {0, 0, 0};
  std::size_t part = 0;
  for (std::size_t i = text.starts_with("v") ? 1 : 0; i < text.size() && part < out.size(); ++i) {
    if (text[i] == '.')
      ++part;
    else if (text[i] >= '0' && text[i] <= '9' && out[part] < 100'000)
      out[part] = out[part] * 10 + (text[i] - '0');
    else
      break;
  }
  return out;
}

struct Row {
  std::vector<int> since;
  double value = 0;
  bool v1_only = false;
};

std::map<std::string, std::vector<Row>> rows() {
  std::map<std::string, std::vector<Row>> out;
  for (const input::Node& row : catalog::memory().root().at("constants").items())
    out[row.at("name").text()].push_back(
        {numbers(row.at("since").text()), row.at("value").number(), row.find("engine").has_value()});
  return out;
}

}  // namespace

std::vector<int> version_numbers(const std::string& text) { return numbers(text); }

double memory_constant(const std::string& name, const std::string& version, bool v0) {
  static const std::map<std::string, std::vector<Row>> known = rows();
  const std::vector<int> asked = version.empty() ? std::vector<int>{1 << 20} : numbers(version);
  std::optional<Row> best;
  if (const auto found = known.find(name); found != known.end())
    for (const Row& row : found->second)
      if (row.since <= asked && !(v0 && row.v1_only) && (!best || best->since <= row.since)) best = row;
  if (!best) throw input::InputError("catalog:memory.json", "/constants", "a row named " + name, "none");
  return best->value;
}

bool is_until(const std::string& since, const std::string& version) {
  return version.empty() || numbers(since) <= numbers(version);
}

}  // namespace ppplan::verify
