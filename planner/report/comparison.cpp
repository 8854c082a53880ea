#include "planner/report/comparison.h"

#include <algorithm>
#include <cmath>

#include "planner/input/input_error.h"
#include "planner/report/device_account.h"

namespace ppplan::report {
namespace {

/// Middle value, or the mean of the two middle ones. Needs at least one.
double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// One run: its makespan and where each device's time went.
struct Run {
  double makespan_s = 0;
  std::vector<DeviceAccount> devices;
  double bubble() const { return bubble_fraction(devices, makespan_s); }
};

Run run_of(const schedule::Schedule& schedule, const OperationGraph& graph, const traces::Timeline& timeline) {
  const OpTimes times = op_times(schedule, timeline);
  const double makespan = traces::makespan_s(timeline);
  return {makespan, device_accounts(schedule, graph, times, makespan)};
}

template <class Figure>
double median_of(const std::vector<Run>& runs, Figure figure) {
  std::vector<double> values;
  for (const Run& run : runs) values.push_back(figure(run));
  return median(std::move(values));
}

double error_fraction(double predicted, double measured) { return predicted > 0 ? measured / predicted - 1 : 0; }

StageComparison compare_device(const std::string& name, std::size_t device, const Run& predicted,
                               const std::vector<Run>& measured) {
  StageComparison out;
  out.name = name;
  out.predicted_busy_s = predicted.devices[device].busy_s;
  out.predicted_idle_s = predicted.devices[device].idle_s();
  out.measured_busy_s = median_of(measured, [&](const Run& run) { return run.devices[device].busy_s; });
  out.measured_idle_s = median_of(measured, [&](const Run& run) { return run.devices[device].idle_s(); });
  out.error_fraction = error_fraction(out.predicted_busy_s, out.measured_busy_s);
  return out;
}

}  // namespace

bool Comparison::within(double tolerance) const { return std::abs(error_fraction) <= tolerance; }

bool Comparison::covered() const {
  return min_makespan_s <= predicted_makespan_s && predicted_makespan_s <= max_makespan_s;
}

Comparison compare(const schedule::Schedule& schedule, const traces::Timeline& predicted,
                   std::span<const traces::Timeline> measured) {
  if (measured.empty()) throw input::InputError("comparison: expected at least one measured timeline, found none");
  const OperationGraph graph = operation_graph(schedule);
  const Run foreseen = run_of(schedule, graph, predicted);
  if (!(foreseen.makespan_s > 0))
    throw input::InputError("comparison: expected a predicted makespan above 0, found " +
                            std::to_string(foreseen.makespan_s));
  std::vector<Run> runs;
  for (const traces::Timeline& timeline : measured) runs.push_back(run_of(schedule, graph, timeline));
  const auto makespan = [](const Run& run) { return run.makespan_s; };
  const auto [shortest, longest] = std::ranges::minmax_element(runs, {}, makespan);
  Comparison out;
  out.predicted_makespan_s = foreseen.makespan_s;
  out.median_makespan_s = median_of(runs, makespan);
  out.min_makespan_s = shortest->makespan_s;
  out.max_makespan_s = longest->makespan_s;
  out.predicted_bubble = foreseen.bubble();
  out.median_bubble = median_of(runs, [](const Run& run) { return run.bubble(); });
  out.error_fraction = error_fraction(out.predicted_makespan_s, out.median_makespan_s);
  for (std::size_t d = 0; d < schedule.devices.size(); ++d)
    out.stages.push_back(compare_device(schedule.devices[d].name, d, foreseen, runs));
  return out;
}

}  // namespace ppplan::report
