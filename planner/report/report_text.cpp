#include "planner/report/report_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "planner/report/time_text.h"

namespace ppplan::report {
namespace {

constexpr std::size_t name_width = 16;

std::string percent(double fraction) { return fmt::format("{:.1f} %", 100 * fraction); }
std::string signed_percent(double fraction) { return fmt::format("{:+.1f} %", 100 * fraction); }

/// A name to the left, cells to the right.
std::string row(const std::string& name, const std::vector<std::string>& cells) {
  std::string out = fmt::format("{:<{}}", fitted(name, name_width), name_width);
  for (const std::string& cell : cells) out += fmt::format(" {:>9}", cell);
  return out + "\n";
}

std::string heading(const TimeUnit& unit, std::vector<std::string> cells) {
  return row(fmt::format("stage ({})", unit.name), cells);
}

std::string figure(const std::string& name, const std::string& value) { return fmt::format("{:<20}{}\n", name, value); }

std::string rounded_count(double count) {
  return count == static_cast<double>(static_cast<long>(count)) ? fmt::format("{:.0f}", count)
                                                                : fmt::format("{:.2f}", count);
}

/// "compute 92 % (61 % on stage 3), transfers 8 %" of the path's length.
std::string path_text(const BubbleReport& report) {
  std::vector<double> of_device(report.stages.size());
  double compute = 0;
  double transfers = 0;
  for (const PathStep& step : report.critical_path) {
    const double length = step.end_s - step.start_s;
    const bool computes = traces::is_compute(step.key.kind);
    (computes ? compute : transfers) += length;
    if (computes && static_cast<std::size_t>(step.device) < of_device.size())
      of_device[static_cast<std::size_t>(step.device)] += length;
  }
  if (of_device.empty() || report.makespan_s <= 0) return "none";
  const auto most = std::max_element(of_device.begin(), of_device.end());
  const std::string& name = report.stages[static_cast<std::size_t>(most - of_device.begin())].name;
  const double whole = report.makespan_s / 100;
  return fmt::format("compute {:.0f} % ({:.0f} % on {}), transfers {:.0f} %", compute / whole, *most / whole,
                     fitted(name, name_width), transfers / whole);
}

}  // namespace

std::string report_text(const BubbleReport& report) {
  const TimeUnit unit = time_unit(report.makespan_s);
  const auto time = [&](double seconds) { return time_figure(seconds, unit); };
  std::string out = heading(unit, {"busy", "warm-up", "drain", "imbalance", "comm wait", "held"});
  for (const StageReport& stage : report.stages)
    out += row(stage.name,
               {time(stage.busy_s), time(stage.warmup_idle_s), time(stage.drain_idle_s), time(stage.imbalance_idle_s),
                time(stage.communication_wait_s), rounded_count(stage.peak_activations)});
  out += "\n";
  out += figure("makespan", time_text(report.makespan_s));
  out += figure("lower bound",
                fmt::format("{} (no order of these operations is faster)", time_text(report.lower_bound_s)));
  out += figure("bubble", percent(report.bubble_fraction));
  out += figure("bubble within spans", percent(report.span_bubble_fraction));
  out += figure("balance", fmt::format("{:.3f} (mean / largest stage work)", report.balance));
  if (report.steady_rate_per_s > 0)
    out += figure("steady state", fmt::format("{:.4g} micro-batches/s", report.steady_rate_per_s));
  out += figure("critical path", path_text(report));
  return out;
}

std::string comparison_text(const Comparison& comparison) {
  const TimeUnit unit = time_unit(std::max(comparison.predicted_makespan_s, comparison.median_makespan_s));
  const auto time = [&](double seconds) { return time_figure(seconds, unit); };
  std::string out = row("", {"busy", "busy", "", "idle", "idle"});
  out += heading(unit, {"predicted", "measured", "error", "predicted", "measured"});
  for (const StageComparison& stage : comparison.stages)
    out += row(stage.name,
               {time(stage.predicted_busy_s), time(stage.measured_busy_s), signed_percent(stage.error_fraction),
                time(stage.predicted_idle_s), time(stage.measured_idle_s)});
  out += row("makespan", {time(comparison.predicted_makespan_s), time(comparison.median_makespan_s),
                          signed_percent(comparison.error_fraction)});
  out += "\n";
  out += figure("measured makespan",
                fmt::format("{} (repeats from {} to {})", time_text(comparison.median_makespan_s),
                            time_text(comparison.min_makespan_s), time_text(comparison.max_makespan_s)));
  out += figure("bubble", fmt::format("{} predicted, {} measured", percent(comparison.predicted_bubble),
                                      percent(comparison.median_bubble)));
  return out;
}

std::string verdict_text(const Comparison& comparison, bool passes, int repeats, double tolerance) {
  const bool by_spread = passes && !comparison.within(tolerance);
  const std::string what = repeats == 1 ? "the run" : fmt::format("the median of {} runs", repeats);
  return fmt::format("{}: {} is {:+.1f} % off the prediction (tolerance {:.0f} %{})\n", passes ? "PASS" : "FAIL", what,
                     100 * comparison.error_fraction, 100 * tolerance,
                     by_spread ? "; repeats spread so far that they cover it" : "");
}

}  // namespace ppplan::report
