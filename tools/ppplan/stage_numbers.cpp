#include "tools/ppplan/stage_numbers.h"

#include <fmt/format.h>

#include <charconv>

#include "planner/input/input_error.h"

namespace ppplan::tools {

std::vector<double> stage_numbers(const std::string& text, const std::string& flag, std::size_t stages,
                                  const char* what) {
  std::vector<double> out;
  for (const char *at = text.data(), *const end = at + text.size(); at <= end;) {
    double value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc() || (next != end && *next != ','))
      throw input::InputError(flag, "", "numbers separated by commas", "'" + text + "'");
    out.push_back(value);
    at = next + 1;
  }
  if (out.size() == 1) out.resize(stages, out.front());
  if (out.size() != stages)
    throw input::InputError(flag, "", fmt::format("one number, or one of each of the {} {}", stages, what),
                            fmt::format("{} numbers", out.size()));
  return out;
}

}  // namespace ppplan::tools
