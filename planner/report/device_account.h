// Where the time of each device went: busy, and the four kinds of idle time of bubble_report.h.
#pragma once

#include <vector>

#include "planner/report/op_times.h"
#include "planner/report/operation_graph.h"
#include "planner/schedule/schedule.h"

namespace ppplan::report {

/// All zero but warmup_idle_s of a device without compute. busy + the four idle parts = makespan, up to rounding.
/// Compute spans that overlap (ops of one group) count once in busy_s.
struct DeviceAccount {
  double busy_s = 0;
  double warmup_idle_s = 0;
  double drain_idle_s = 0;
  double imbalance_idle_s = 0;
  double communication_wait_s = 0;
  double idle_s() const { return warmup_idle_s + drain_idle_s + imbalance_idle_s + communication_wait_s; }
  bool operator==(const DeviceAccount&) const = default;
};

/// Per op: when the last compute that produces an input it awaits ended. The producers of an input that was transferred
/// are the compute ops that its Send waited for (through further transfers, where a value is passed on). -infinity
/// where an op awaits nothing.
std::vector<double> inputs_ready_s(const schedule::Schedule& schedule, const OperationGraph& graph,
                                   const OpTimes& times);

/// By device of the schedule. A gap's awaited producer is that of the compute op which ends the gap.
std::vector<DeviceAccount> device_accounts(const schedule::Schedule& schedule, const OperationGraph& graph,
                                           const OpTimes& times, double makespan_s);

/// 1 - busy / (devices * makespan); 0 without devices or time.
double bubble_fraction(const std::vector<DeviceAccount>& accounts, double makespan_s);

}  // namespace ppplan::report
