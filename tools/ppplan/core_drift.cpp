#include "tools/ppplan/core_drift.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "exec/sample_statistics.h"
#include "planner/report/time_text.h"
#include "planner/schedule/shared_processor.h"

namespace ppplan::tools {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

std::string per_stage(const std::vector<double>& fractions) {
  std::string out;
  for (const double fraction : fractions) out += fmt::format("{}{:.0f}", out.empty() ? "" : " and ", 100 * fraction);
  return out + " %";
}

/// "at 97 and 104 % of the speed that the profile saw; others took 1 and 12 % of them".
std::string cores(const CoreDrift& drift) {
  std::vector<double> speeds;
  for (const double slowdown : drift.slowdown) speeds.push_back(1 / slowdown);
  return fmt::format("at about {} of the speed that the profile saw; others took {} of them", per_stage(speeds),
                     per_stage(drift.share_of_others));
}

}  // namespace

std::vector<double> CoreDrift::factors() const {
  std::vector<double> out;
  for (std::size_t s = 0; s < slowdown.size(); ++s) out.push_back(slowdown[s] / (1 - share_of_others[s]));
  return out;
}

bool CoreDrift::trusted() const {
  const auto near = [](double factor) { return std::abs(std::log(factor)) <= std::log(1 + most); };
  const auto mostly_ours = [](double share) { return share <= most_taken; };
  return !slowdown.empty() && std::ranges::all_of(slowdown, near) && std::ranges::all_of(share_of_others, mostly_ours);
}

double speed_then(const spec::Provenance& times, int others) {
  if (!(times.core_speed > 0) || !(times.alone_core_speed > 0)) return times.core_speed;
  return times.core_speed /
         schedule::lasting_fraction(times.core_speed / times.alone_core_speed, others, times.busy_cores);
}

CoreReading core_reading(double then, double before, double after, const exec::RunTime& computed) {
  return {then > 0 ? then / (0.5 * (before + after)) : 1, computed.share_of_others()};
}

CoreDrift core_drift(const spec::Provenance& times, const std::vector<std::vector<CoreReading>>& readings) {
  CoreDrift out;
  if (!(times.core_speed > 0) || readings.empty()) return out;
  for (std::size_t stage = 0; stage < readings.front().size(); ++stage) {
    const auto median_of = [&](double CoreReading::*figure) {
      std::vector<double> values;
      for (const auto& repeat : readings) values.push_back(repeat[stage].*figure);
      return exec::quantile(std::move(values), 0.5);
    };
    out.slowdown.push_back(median_of(&CoreReading::slowdown));
    out.share_of_others.push_back(median_of(&CoreReading::share_of_others));
  }
  return out;
}

spec::Plan slowed(spec::Plan plan, const std::vector<double>& factors) {
  for (spec::BatchTimes& times : plan.times) {
    for (std::size_t s = 0; s < plan.stages.size(); ++s)
      for (int layer = plan.stages[s].first_layer; layer < plan.stages[s].end_layer; ++layer)
        times.layer_s[at(layer)] *= factors[s];
    times.embedding_s *= factors.front();
    times.head_s *= factors.back();
  }
  return plan;
}

std::string drift_text(const CoreDrift& drift, double measured_makespan_s) {
  if (drift.slowdown.empty()) return "";
  const std::string what = fmt::format("cores               {}\n{:20}", cores(drift), "");
  if (!drift.trusted()) return what + "too far off to predict for: profile anew, and run on an idle machine\n";
  return what + fmt::format("predicted for that; for the cores of the profile {}, {:+.1f} % off\n",
                            report::time_text(drift.profiled_makespan_s),
                            100 * (measured_makespan_s / drift.profiled_makespan_s - 1));
}

}  // namespace ppplan::tools
