// Runs a graph of activities for real: one thread per worker, each running its activities in order as soon as what they
// depend on has ended, and deciding nothing.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "exec/activity_graph.h"

namespace ppplan::exec {

using Clock = std::chrono::steady_clock;

struct GraphHooks {
  std::function<void(const Worker&)> enter;              // on each worker's thread before anything starts
  std::function<Clock::time_point()> begin;              // once, when all have entered: the start of the common time
  std::function<void(const Activity&)> perform;          // on the worker's thread; returns when the activity has ended
  std::function<void(const char* why)> on_failure = {};  // once, at the first exception: ends what others wait for
};

struct GraphTimes {
  Clock::time_point begin;
  std::vector<Clock::time_point> start, end;  // [activity]
  double seconds(Clock::time_point time) const { return std::chrono::duration<double>(time - begin).count(); }
};

/// Rethrows the first exception of a hook after every worker has stopped.
GraphTimes run_graph(ActivityGraph graph, const GraphHooks& hooks);

}  // namespace ppplan::exec
