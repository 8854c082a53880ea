// Plays an activity graph on a machine.
#pragma once

#include <vector>

#include "sim/activity_graph.h"
#include "sim/machine.h"

namespace ppplan::sim {

/// When an activity was under way, in seconds since the start; end_s is NaN of one that never ended.
struct Interval {
  double start_s = 0;
  double end_s = 0;
};

/// [activity]. Each activity starts when the last of those it waits for ends.
std::vector<Interval> run_graph(const ActivityGraph& graph, Machine& machine);

}  // namespace ppplan::sim
