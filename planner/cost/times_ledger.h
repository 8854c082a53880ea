// What the parts of a prediction add to its provenance: the worst origin, and whose kernels and profiles were asked.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "planner/cost/cost_book.h"
#include "planner/spec/plan.h"

namespace ppplan::cost {

class TimesLedger {
 public:
  void add(const LayerTimes& times);
  /// Largest of all that were added.
  double relative_error() const { return relative_error_; }
  /// Fills all but `vllm`. Yardstick and busy cores are stated where all times have the same.
  void fill(spec::Provenance& provenance) const;

 private:
  double relative_error_ = 0;
  Origin origin_ = Origin::measured;
  std::set<std::string> engines_, profiles_;
  std::set<std::pair<double, double>> core_speeds_;  // loaded, alone
  std::set<int> busy_cores_;
};

}  // namespace ppplan::cost
