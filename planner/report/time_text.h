// Times as a reader likes them: one unit for all figures that stand together.
#pragma once

#include <string>
#include <string_view>

namespace ppplan::report {

struct TimeUnit {
  std::string_view name;  // "s", "ms", "us", "ns"
  double seconds = 1;     // of one unit
};

/// The largest of s, ms, us, ns in which `largest_s` is at least 1; s of 0.
TimeUnit time_unit(double largest_s);

/// The figure alone, about four significant digits: "12.34", "0.05", "1234".
std::string time_figure(double seconds, const TimeUnit& unit);
/// Figure and unit: "12.34 ms".
std::string time_text(double seconds);

/// `text` cut to `width` characters, the last of them '~' where something is missing.
std::string fitted(const std::string& text, std::size_t width);

}  // namespace ppplan::report
