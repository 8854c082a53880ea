// Why each stage of a run was idle, and what bounds the run. Works on predicted and measured timelines alike.
//
// busy          time in which a device's compute lane ran something: the sum of its compute spans, those that overlap
// (ops of
//               one group) counted once
// warm-up       from 0 to its first compute span; the whole makespan of a device without any
// drain         from the end of its last compute span to the makespan
// communication wait   of a gap between two compute spans, the part in which the compute that produced the awaited
// input had
//               already ended (the data was under way, or held back by a lane or a buffer)
// imbalance     the rest of the gap: the awaited producer was still computing, or waited itself, or nothing was awaited
// The four idle parts sum to makespan - busy. See `ppplan/report/1` in the README for the JSON.
#pragma once

#include <string>
#include <vector>

#include "planner/report/activations.h"
#include "planner/schedule/schedule.h"
#include "traces/timeline.h"

namespace ppplan::report {

struct StageReport {
  std::string name;
  double busy_s = 0;
  double warmup_idle_s = 0;
  double drain_idle_s = 0;
  double imbalance_idle_s = 0;
  double communication_wait_s = 0;
  double peak_activations = 0;  // micro-batches held at once: forward started, backward (or send, where none) not ended
  double peak_activation_bytes = 0;  // the same in bytes, see ActivationCosts
  double idle_s() const { return warmup_idle_s + drain_idle_s + imbalance_idle_s + communication_wait_s; }
  bool operator==(const StageReport&) const = default;
};

struct PathStep {
  traces::OpKey key;
  int device = 0;
  double start_s = 0;
  double end_s = 0;
  bool operator==(const PathStep&) const = default;
};

struct BubbleReport {
  double makespan_s = 0;
  double bubble_fraction = 0;       // 1 - busy / (devices * makespan)
  double span_bubble_fraction = 0;  // 1 - largest stage work / largest stage span
  double balance = 1;               // mean / max stage work
  double lower_bound_s = 0;         // no order of these operations on these devices ends earlier
  double steady_rate_per_s = 0;  // micro-batches per second leaving the last stage after the fill: (M - 1) / (last exit
                                 // - first exit), summed over replicas (0 below 3 of them)
  std::vector<StageReport> stages;      // by device of the schedule
  std::vector<PathStep> critical_path;  // in time order: each step starts when the previous one lets it
  bool operator==(const BubbleReport&) const = default;
};

/// The timeline must hold a span for every op of the schedule; throws InputError otherwise. `duration_s[id]` as in
/// schedule::longest_path are used for the bound (durations alone on the links).
BubbleReport bubble_report(const schedule::Schedule& schedule, const traces::Timeline& timeline,
                           const std::vector<double>& duration_s, const ActivationCosts& activations = {});

/// max over lanes of (earliest possible first start + its work + shortest tail), and the longest dependency chain.
double lower_bound_s(const schedule::Schedule& schedule, const std::vector<double>& duration_s);

}  // namespace ppplan::report
