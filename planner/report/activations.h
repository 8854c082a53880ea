// How many micro-batches a device holds at once, and how many bytes.
#pragma once

#include <vector>

#include "planner/report/op_times.h"
#include "planner/report/operation_graph.h"
#include "planner/schedule/schedule.h"

namespace ppplan::report {

/// What a held micro-batch occupies. `bytes` is indexed by pipeline stage; one entry stands for all stages; empty = the
/// bytes of the transfers out of the forward. `release_at_input` of it is freed when the input gradient ends, the rest
/// when the weight gradient ends; a fused backward frees all.
struct ActivationCosts {
  std::vector<double> bytes;
  double release_at_input = 0.5;
};

struct PeakActivations {
  double micro_batches = 0;  // (micro-batch, chunk) pairs whose forward started and whose last backward has not ended;
                             // without a backward: whose transfers out have not ended
  double bytes = 0;
  bool operator==(const PeakActivations&) const = default;
};

/// By device of the schedule. What ends at the moment another starts is not held together with it. Throws InputError
/// when `costs.bytes` has more than one entry and lacks a stage of the schedule.
std::vector<PeakActivations> peak_activations(const schedule::Schedule& schedule, const OperationGraph& graph,
                                              const OpTimes& times, const ActivationCosts& costs);

/// What a device holds from `time_s` on, until the next entry.
struct Held {
  double time_s = 0;
  double micro_batches = 0;
  double bytes = 0;
  bool operator==(const Held&) const = default;
};

/// By device: one entry for each moment at which something changes, in time order. The same counts as above, so that
/// their largest are the peaks.
std::vector<std::vector<Held>> held_over_time(const schedule::Schedule& schedule, const OperationGraph& graph,
                                              const OpTimes& times, const ActivationCosts& costs);

}  // namespace ppplan::report
