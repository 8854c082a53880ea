// Reports as tables for the terminal, at most 80 columns wide.
#pragma once

#include <string>

#include "planner/report/bubble_report.h"
#include "planner/report/comparison.h"

namespace ppplan::report {

/// A row per stage: busy and the four kinds of idle time in one unit, activations held; then the figures of the whole
/// run, and what the critical path consists of.
std::string report_text(const BubbleReport& report);

/// A row per stage: predicted and measured busy and idle time, and the error; then makespan and bubble of both sides.
std::string comparison_text(const Comparison& comparison);

/// "PASS: the median of 5 runs is +2.0 % off the prediction (tolerance 10 %)"; where only the repeats' own spread lets
/// it pass, says so.
std::string verdict_text(const Comparison& comparison, bool passes, int repeats, double tolerance);

}  // namespace ppplan::report
