// Sizes, rates and times as people write them in flags.
#include <charconv>
#include <cmath>
#include <span>
#include <string_view>

#include "planner/input/input_error.h"
#include "planner/spec/read_cluster.h"

namespace ppplan::spec {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr double kib = 1024.0;
constexpr Unit sizes[] = {{"B", 1},
                          {"KB", 1e3},
                          {"kB", 1e3},
                          {"MB", 1e6},
                          {"GB", 1e9},
                          {"TB", 1e12},
                          {"KiB", kib},
                          {"MiB", kib* kib},
                          {"GiB", kib* kib* kib},
                          {"TiB", kib* kib* kib* kib},
                          {"", 1}};
constexpr Unit rates[] = {{"B/s", 1},
                          {"KB/s", 1e3},
                          {"MB/s", 1e6},
                          {"GB/s", 1e9},
                          {"TB/s", 1e12},
                          {"MiB/s", kib* kib},
                          {"GiB/s", kib* kib* kib},
                          {"TiB/s", kib* kib* kib* kib},
                          {"Mbit/s", 1e6 / 8},
                          {"Gbit/s", 1e9 / 8},
                          {"Tbit/s", 1e12 / 8},
                          {"Mbps", 1e6 / 8},
                          {"Gbps", 1e9 / 8}};
constexpr Unit flops[] = {{"FLOPS", 1},     {"GFLOPS", 1e9},   {"TFLOPS", 1e12},  {"PFLOPS", 1e15}, {"FLOP/s", 1},
                          {"GFLOP/s", 1e9}, {"TFLOP/s", 1e12}, {"PFLOP/s", 1e15}, {"TOPS", 1e12},   {"POPS", 1e15}};
constexpr Unit times[] = {{"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"\u00b5s", 1e-6}, {"\u03bcs", 1e-6}, {"ns", 1e-9}};

/// A number above 0 (or from 0 on) and one of the units, blanks between them allowed.
double quantity(const std::string& text, std::span<const Unit> units, bool zero_allowed, const std::string& flag,
                const std::string& expected) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  const std::string_view after(rest, static_cast<std::size_t>(end - rest));
  const std::size_t start = after.find_first_not_of(' ');
  const std::string_view unit = start == std::string_view::npos ? std::string_view() : after.substr(start);
  if (error == std::errc())
    for (const Unit& known : units) {
      const double result = value * known.factor;
      const bool positive = result > 0 || (zero_allowed && result == 0);
      if (unit == known.name && positive && result <= 1e18) return result;
    }
  throw input::InputError(flag, "", expected, "\"" + text + "\"");
}

}  // namespace

double parse_bytes(const std::string& text, const std::string& flag) {
  return quantity(text, sizes, true, flag, "a size such as 24GiB, 80GB or 512MiB");
}

double parse_rate(const std::string& text, const std::string& flag) {
  return quantity(text, rates, false, flag, "a rate such as 936GB/s or 100Gbit/s");
}

double parse_flops(const std::string& text, const std::string& flag) {
  return quantity(text, flops, false, flag, "a rate such as 142TFLOPS");
}

double parse_seconds(const std::string& text, const std::string& flag) {
  return quantity(text, times, true, flag, "a time such as 10us or 2.5ms");
}

}  // namespace ppplan::spec
