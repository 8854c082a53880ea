#include "planner/engines/vllm_partition.h"

#include <limits>
#include <numeric>

#include "planner/engines/python_int.h"
#include "planner/input/input_error.h"

namespace ppplan::engines {
namespace {

std::vector<int> even_share(int layers, int stages) {
  if (stages < 1 || layers < 0)
    throw input::InputError("partition: expected at least 1 stage and 0 layers, found " + std::to_string(stages) +
                            " stages and " + std::to_string(layers) + " layers");
  return std::vector<int>(static_cast<std::size_t>(stages), layers / stages);
}

/// The integers of the list, or nothing where one of the items is none.
std::optional<std::vector<std::int64_t>> integers(const std::string& value) {
  std::vector<std::int64_t> out;
  std::string_view rest(value);
  while (true) {
    const auto comma = rest.find(',');
    const auto item = python_int(rest.substr(0, comma));
    if (!item) return std::nullopt;
    out.push_back(*item);
    if (comma == std::string_view::npos) return out;
    rest.remove_prefix(comma + 1);
  }
}

bool fits_int(std::int64_t value) {
  return value >= std::numeric_limits<int>::min() && value <= std::numeric_limits<int>::max();
}

}  // namespace

std::vector<int> default_partition(int layers, int stages) {
  std::vector<int> out = even_share(layers, stages);
  const auto remainder = static_cast<std::size_t>(layers % stages);
  for (std::size_t i = 0; i < remainder; ++i) out[out.size() - 2 - i] += 1;
  return out;
}

std::vector<int> default_partition_before_0_8(int layers, int stages) {
  std::vector<int> out = even_share(layers, stages);
  out.back() += layers % stages;
  return out;
}

ParsedPartition parse_partition(const std::string& value, int layers, int stages) {
  const std::string invalid = "Invalid partition string: " + value;
  const auto items = integers(value);
  if (!items) return {{}, invalid};
  if (items->size() != static_cast<std::size_t>(stages))
    return {
        {},
        "len(partitions)=" + std::to_string(items->size()) + " does not match pp_size=" + std::to_string(stages) + "."};
  const std::int64_t sum = std::accumulate(items->begin(), items->end(), std::int64_t{0});
  if (sum != layers)
    return {
        {},
        "sum(partitions)=" + std::to_string(sum) + " does not match num_hidden_layers=" + std::to_string(layers) + "."};
  ParsedPartition out;
  for (std::int64_t item : *items) {
    // Python has no such limit, but no stage holds billions of layers.
    if (!fits_int(item)) return {{}, invalid};
    out.layers.push_back(static_cast<int>(item));
  }
  return out;
}

std::string partition_text(const std::vector<int>& partition) {
  std::string out;
  for (int layers : partition) out.append(out.empty() ? "" : ",").append(std::to_string(layers));
  return out;
}

std::string partition_fault(const std::vector<int>& partition) {
  for (std::size_t s = 0; s < partition.size(); ++s)
    if (partition[s] < 1)
      return "stage " + std::to_string(s) + " has " + std::to_string(partition[s]) +
             " layers, every stage needs at least 1";
  return "";
}

}  // namespace ppplan::engines
