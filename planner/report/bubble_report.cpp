#include "planner/report/bubble_report.h"

#include <algorithm>
#include <map>

#include "planner/report/critical_path.h"
#include "planner/report/device_account.h"

namespace ppplan::report {
namespace {

using schedule::Schedule;

StageReport stage_report(const std::string& name, const DeviceAccount& account, const PeakActivations& peak) {
  return {name,
          account.busy_s,
          account.warmup_idle_s,
          account.drain_idle_s,
          account.imbalance_idle_s,
          account.communication_wait_s,
          peak.micro_batches,
          peak.bytes};
}

/// 1 - largest work / largest span from first start to last end.
double span_bubble_fraction(const BubbleReport& report) {
  double work = 0;
  double span = 0;
  for (const StageReport& stage : report.stages) {
    work = std::max(work, stage.busy_s);
    if (stage.busy_s > 0) span = std::max(span, report.makespan_s - stage.warmup_idle_s - stage.drain_idle_s);
  }
  return span > 0 ? 1 - work / span : 0;
}

double balance(const std::vector<StageReport>& stages) {
  double sum = 0;
  double most = 0;
  for (const StageReport& stage : stages) {
    sum += stage.busy_s;
    most = std::max(most, stage.busy_s);
  }
  return most > 0 ? sum / static_cast<double>(stages.size()) / most : 1;
}

double steady_rate_per_s(const Schedule& schedule, const OpTimes& times) {
  int last_stage = 0;
  for (const auto& op : schedule.ops)
    if (op.key.kind == traces::OpKind::forward) last_stage = std::max(last_stage, op.key.stage);
  std::map<int, std::vector<double>> exits;  // by replica
  for (std::size_t id = 0; id < schedule.ops.size(); ++id) {
    const traces::OpKey& key = schedule.ops[id].key;
    if (key.kind == traces::OpKind::forward && key.stage == last_stage) exits[key.replica].push_back(times.end_s[id]);
  }
  double rate = 0;
  for (const auto& [replica, ends] : exits) {
    const auto [first, last] = std::minmax_element(ends.begin(), ends.end());
    if (ends.size() >= 3 && *last > *first) rate += static_cast<double>(ends.size() - 1) / (*last - *first);
  }
  return rate;
}

/// The bound and the makespan add the same durations in different orders; where they are equal but for that, they are
/// equal.
double without_rounding(double bound_s, double makespan_s) {
  constexpr double rounding = 1e-12;
  return bound_s > makespan_s && bound_s <= makespan_s * (1 + rounding) ? makespan_s : bound_s;
}

}  // namespace

BubbleReport bubble_report(const Schedule& schedule, const traces::Timeline& timeline,
                           const std::vector<double>& duration_s, const ActivationCosts& activations) {
  const OperationGraph graph = operation_graph(schedule);
  const OpTimes times = op_times(schedule, timeline);
  BubbleReport report;
  report.makespan_s = traces::makespan_s(timeline);
  const auto accounts = device_accounts(schedule, graph, times, report.makespan_s);
  const auto peaks = peak_activations(schedule, graph, times, activations);
  for (std::size_t d = 0; d < accounts.size(); ++d)
    report.stages.push_back(stage_report(schedule.devices[d].name, accounts[d], peaks[d]));
  report.bubble_fraction = bubble_fraction(accounts, report.makespan_s);
  report.span_bubble_fraction = span_bubble_fraction(report);
  report.balance = balance(report.stages);
  report.lower_bound_s = without_rounding(lower_bound_s(schedule, duration_s), report.makespan_s);
  report.steady_rate_per_s = steady_rate_per_s(schedule, times);
  report.critical_path = critical_path(schedule, graph, times);
  return report;
}

}  // namespace ppplan::report
