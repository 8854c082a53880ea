// One claim of a document while it is recomputed: every place where it is made (each stage, each span) is compared, the
// first that is false is told.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "planner/verify/verify.h"

namespace ppplan::verify {

class Claim {
 public:
  explicit Claim(std::string text) : text_(std::move(text)) {}

  /// Stated and recomputed figure are the same, whole numbers exactly, others to 1e-9 relative or absolute.
  Claim& equal(const std::string& place, std::int64_t stated, std::int64_t recomputed);
  Claim& equal(const std::string& place, double stated, double recomputed);
  /// |stated - recomputed| <= slack.
  Claim& near(const std::string& place, double stated, double recomputed, double slack);
  /// low <= value <= high, to 1e-9 relative.
  Claim& within(const std::string& place, double value, double low, double high);
  /// `found` says what was found where it does not hold.
  Claim& require(const std::string& place, bool holds, const std::string& found);

  Check check() const;

 private:
  void add(const std::string& place, bool holds, const std::function<std::string()>& detail);
  std::string text_;
  bool holds_ = true;
  int places_ = 0;
  std::string detail_;  // of the first place that is false, of the only one otherwise
};

/// Relative to the larger, or absolute: the rounding of sums in another order.
bool same(double a, double b);

}  // namespace ppplan::verify
