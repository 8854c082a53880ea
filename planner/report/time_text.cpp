#include "planner/report/time_text.h"

#include <fmt/format.h>

#include <cmath>

namespace ppplan::report {

TimeUnit time_unit(double largest_s) {
  constexpr TimeUnit smaller[] = {{"s", 1}, {"ms", 1e-3}, {"us", 1e-6}};
  if (largest_s <= 0) return smaller[0];
  for (const TimeUnit& unit : smaller)
    if (largest_s >= unit.seconds) return unit;
  return {"ns", 1e-9};
}

std::string time_figure(double seconds, const TimeUnit& unit) {
  const double value = seconds / unit.seconds;
  const double size = std::abs(value);
  return fmt::format("{:.{}f}", value, size >= 1000 ? 0 : size >= 100 ? 1 : 2);
}

std::string time_text(double seconds) {
  const TimeUnit unit = time_unit(std::abs(seconds));
  return fmt::format("{} {}", time_figure(seconds, unit), unit.name);
}

std::string fitted(const std::string& text, std::size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 1) + "~";
}

}  // namespace ppplan::report
