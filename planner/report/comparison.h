// Predicted against measured, per stage and in total, with the spread of the repeats.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "planner/report/bubble_report.h"
#include "planner/schedule/schedule.h"
#include "traces/timeline.h"

namespace ppplan::report {

struct StageComparison {
  std::string name;
  double predicted_busy_s = 0, measured_busy_s = 0;  // measured: median over repeats
  double predicted_idle_s = 0, measured_idle_s = 0;
  double error_fraction = 0;  // of busy: measured / predicted - 1; 0 where no work was predicted
  bool operator==(const StageComparison&) const = default;
};

struct Comparison {
  double predicted_makespan_s = 0;
  double median_makespan_s = 0, min_makespan_s = 0, max_makespan_s = 0;
  double predicted_bubble = 0, median_bubble = 0;
  double error_fraction = 0;  // median / predicted - 1
  std::vector<StageComparison> stages;
  bool within(double tolerance) const;
  /// The predicted makespan lies between the smallest and the largest repeat.
  bool covered() const;
  bool holds(double tolerance) const { return within(tolerance) || covered(); }
  bool operator==(const Comparison&) const = default;
};

/// Throws InputError when a timeline does not hold the schedule's operations, no measured one is given, or the
/// predicted makespan is 0. The median of an even number of repeats is the mean of the middle two.
Comparison compare(const schedule::Schedule& schedule, const traces::Timeline& predicted,
                   std::span<const traces::Timeline> measured);

}  // namespace ppplan::report
