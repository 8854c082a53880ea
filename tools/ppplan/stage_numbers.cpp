#include "tools/ppplan/stage_numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "planner/input/input_error.h"

namespace ppplan::tools {
namespace {

std::vector<double> numbers(const std::string& text, const std::string& flag) {
  std::vector<double> out;
  for (const char *at = text.data(), *const end = at + text.size(); at <= end;) {
    double value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc() || (next != end && *next != ','))
      throw input::InputError(flag, "", "numbers separated by commas", "'" + text + "'");
    out.push_back(value);
    at = next + 1;
  }
  return out;
}

/// One alone stands for all.
std::vector<double> one_of_each(std::vector<double> given, const std::string& flag, std::size_t stages,
                                const char* what) {
  if (given.size() == 1) given.resize(stages, given.front());
  if (given.size() != stages)
    throw input::InputError(flag, "", fmt::format("one number, or one of each of the {} {}", stages, what),
                            fmt::format("{} numbers", given.size()));
  return given;
}

}  // namespace

std::vector<double> stage_numbers(const std::string& text, const std::string& flag, std::size_t stages,
                                  const char* what) {
  return one_of_each(numbers(text, flag), flag, stages, what);
}

std::vector<double> stage_costs(const std::string& text, const std::string& flag, std::size_t stages) {
  const std::vector<double> given = numbers(text, flag);
  const auto wrong = std::ranges::find_if(given, [](double cost) { return !std::isfinite(cost) || cost < 0; });
  if (wrong != given.end()) {
    const auto stage = wrong - given.begin();
    const std::string place =
        given.size() == 1 ? "" : fmt::format("number {} of {} (stage {})", stage + 1, given.size(), stage);
    throw input::InputError(flag, place, "a finite number of at least 0", fmt::format("{}", *wrong));
  }
  return one_of_each(given, flag, stages, "stages");
}

}  // namespace ppplan::tools
