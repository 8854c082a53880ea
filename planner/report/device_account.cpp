#include "planner/report/device_account.h"

#include <algorithm>
#include <limits>

namespace ppplan::report {
namespace {

using schedule::LaneKind;
using schedule::OpId;
using schedule::Schedule;

/// Compute ops of a device by start, then id.
std::vector<OpId> compute_ops(const schedule::ScheduleDevice& device, const OpTimes& times) {
  std::vector<OpId> out;
  for (const auto& lane : device.lanes)
    if (lane.kind == LaneKind::compute) out.insert(out.end(), lane.ops.begin(), lane.ops.end());
  std::sort(out.begin(), out.end(),
            [&](OpId a, OpId b) { return std::pair(times.start_s[at(a)], a) < std::pair(times.start_s[at(b)], b); });
  return out;
}

/// Splits the gap [from, to) before an op whose inputs were produced at `ready`.
void add_gap(double from, double to, double ready, DeviceAccount& account) {
  const bool awaits = ready > -std::numeric_limits<double>::infinity();
  const double produced = awaits ? std::clamp(ready, from, to) : to;
  account.imbalance_idle_s += produced - from;
  account.communication_wait_s += to - produced;
}

}  // namespace

std::vector<double> inputs_ready_s(const Schedule& schedule, const OperationGraph& graph, const OpTimes& times) {
  constexpr double never = -std::numeric_limits<double>::infinity();
  std::vector<double> ready(schedule.ops.size(), never);
  for (const OpId id : graph.order)
    for (const OpId awaited : schedule.ops[at(id)].after) {
      const OpId node = graph.node[at(awaited)];
      const double produced = schedule::is_transfer(schedule.ops[at(node)]) ? ready[at(node)] : times.end_s[at(node)];
      ready[at(id)] = std::max(ready[at(id)], produced);
    }
  for (OpId id = 0; at(id) < ready.size(); ++id) ready[at(id)] = ready[at(graph.node[at(id)])];
  return ready;
}

std::vector<DeviceAccount> device_accounts(const Schedule& schedule, const OperationGraph& graph, const OpTimes& times,
                                           double makespan_s) {
  const std::vector<double> ready = inputs_ready_s(schedule, graph, times);
  std::vector<DeviceAccount> accounts;
  for (const auto& device : schedule.devices) {
    DeviceAccount account;
    double busy_until = 0;
    bool started = false;
    for (const OpId id : compute_ops(device, times)) {
      const double start = times.start_s[at(id)];
      const double end = times.end_s[at(id)];
      if (!started) {
        account.warmup_idle_s = start;
        busy_until = start;
        started = true;
      }
      if (start > busy_until) add_gap(busy_until, start, ready[at(id)], account);
      account.busy_s += std::max(0.0, end - std::max(start, busy_until));
      busy_until = std::max(busy_until, end);
    }
    (started ? account.drain_idle_s : account.warmup_idle_s) = makespan_s - busy_until;
    accounts.push_back(account);
  }
  return accounts;
}

double bubble_fraction(const std::vector<DeviceAccount>& accounts, double makespan_s) {
  double busy = 0;
  for (const DeviceAccount& account : accounts) busy += account.busy_s;
  const double offered = static_cast<double>(accounts.size()) * makespan_s;
  return offered > 0 ? 1 - busy / offered : 0;
}

}  // namespace ppplan::report
