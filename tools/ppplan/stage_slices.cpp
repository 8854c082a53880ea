#include "tools/ppplan/stage_slices.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "planner/input/input_error.h"

namespace ppplan::tools {
namespace {

std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int> processors_of(std::string_view name) {
  constexpr std::string_view kEnd = "sm";
  const std::size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || !name.ends_with(kEnd)) return std::nullopt;
  return whole_number(name.substr(dash + 1, name.size() - dash - 1 - kEnd.size()));
}

std::vector<int> sizes_of(const std::string& asked) {
  std::vector<int> out;
  for (std::size_t at = 0; at <= asked.size();) {
    const std::size_t comma = std::min(asked.find(',', at), asked.size());
    const auto size = whole_number(std::string_view(asked).substr(at, comma - at));
    if (!size || *size < 1)
      throw input::InputError("--slices", "", "auto, or multiprocessors of each stage such as 32,64",
                              "'" + asked + "'");
    out.push_back(*size);
    at = comma + 1;
  }
  return out;
}

const std::string& device_of(const spec::Plan& plan, std::size_t stage) {
  return plan.cluster.devices[static_cast<std::size_t>(plan.stages[stage].devices.front().front())].name;
}

std::vector<int> sizes_of_devices(const spec::Plan& plan) {
  std::vector<int> out;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const std::string& device = device_of(plan, s);
    const auto size = processors_of(device);
    if (!size) throw input::InputError("--slices auto", "", "slices such as " + slice_name(device, 32), device);
    out.push_back(*size);
  }
  return out;
}

}  // namespace

std::string slice_name(const std::string& device, int processors) { return fmt::format("{}-{}sm", device, processors); }

std::vector<int> stage_slices(const spec::Plan& plan, const std::string& asked) {
  if (asked.empty()) return {};
  if (asked == "auto") return sizes_of_devices(plan);
  const std::vector<int> sizes = sizes_of(asked);
  for (std::size_t s = 0; s < std::min(sizes.size(), plan.stages.size()); ++s)
    if (const auto planned = processors_of(device_of(plan, s)); planned && *planned != sizes[s])
      throw input::InputError("--slices", fmt::format("/{}", s), device_of(plan, s) + ", as the plan has it",
                              std::to_string(sizes[s]));
  return sizes;
}

}  // namespace ppplan::tools
