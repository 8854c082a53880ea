#include "planner/verify/claim.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ppplan::verify {
namespace {

constexpr double rounding = 1e-9;

std::string at_place(const std::string& place, const std::string& text) {
  return place.empty() ? text : fmt::format("{}: {}", place, text);
}

}  // namespace

bool same(double a, double b) { return std::abs(a - b) <= rounding * std::max({std::abs(a), std::abs(b), rounding}); }

void Claim::add(const std::string& place, bool holds, const std::function<std::string()>& detail) {
  ++places_;
  const bool first_false = holds_ && !holds;
  if (first_false || (places_ == 1 && holds)) detail_ = at_place(place, detail());
  holds_ = holds_ && holds;
}

Claim& Claim::equal(const std::string& place, std::int64_t stated, std::int64_t recomputed) {
  add(place, stated == recomputed, [&] { return fmt::format("stated {}, recomputed {}", stated, recomputed); });
  return *this;
}

Claim& Claim::equal(const std::string& place, double stated, double recomputed) {
  add(place, same(stated, recomputed),
      [&] { return fmt::format("stated {:.6g}, recomputed {:.6g}", stated, recomputed); });
  return *this;
}

Claim& Claim::near(const std::string& place, double stated, double recomputed, double slack) {
  add(place, std::abs(stated - recomputed) <= slack,
      [&] { return fmt::format("stated {:.12g}, recomputed {:.12g}", stated, recomputed); });
  return *this;
}

Claim& Claim::within(const std::string& place, double value, double low, double high) {
  const bool holds = (value >= low || same(value, low)) && (value <= high || same(value, high));
  add(place, holds, [&] { return fmt::format("{:.6g} in [{:.6g}, {:.6g}]", value, low, high); });
  return *this;
}

Claim& Claim::require(const std::string& place, bool holds, const std::string& found) {
  add(place, holds, [&] { return holds ? std::string() : "found " + found; });
  return *this;
}

Check Claim::check() const {
  if (places_ == 0) return {text_, true, "nothing to compare"};
  if (holds_ && places_ > 1) return {text_, true, fmt::format("{} places", places_)};
  return {text_, holds_, detail_};
}

}  // namespace ppplan::verify
