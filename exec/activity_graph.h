// A schedule as a graph of activities: what must have ended before each may start, and which worker runs it.
//
// An activity is one op of a compute lane, or one transfer (its Send and its Recv). It depends on the `after` lists of
// its ops, on what precedes them in their lanes (all of the previous group), and, for the k-th transfer of an edge, on
// transfer k - receive_buffers and its consumers.
#pragma once

#include <functional>
#include <vector>

#include "planner/schedule/schedule.h"
#include "traces/timeline.h"

namespace ppplan::exec {

/// Which part of a transfer an activity is; of a schedule whose devices are all here, a transfer is one whole. A rank
/// that holds one device has its end of each transfer in parts (rank_graph.h).
enum class Part { whole, await_grant, send, grant, receive };

struct Activity {
  Part part = Part::whole;
  schedule::OpId op = -1;    // the op of a compute lane, or the Send
  schedule::OpId recv = -1;  // of a transfer
  int slot = 0;              // of a transfer: the receive buffer it fills
  int worker = 0;
  int pending = 0;              // dependencies, each counted as often as it is named
  std::vector<int> dependents;  // activities that name this one
};

/// One thread: activities in the order in which it runs them. A lane has as many workers as its largest group has ops,
/// so that ops of a group can run at the same time. A transfer belongs to the receiving lane.
struct Worker {
  int device = 0;
  const schedule::Lane* lane = nullptr;
  std::vector<int> activities;
};

struct ActivityGraph {
  std::vector<Activity> activities;
  std::vector<Worker> workers;
};

/// Needs a schedule without faults (planner/schedule/deadlock.h), to which the result keeps pointers.
ActivityGraph activity_graph(const schedule::Schedule& schedule);

/// Seconds since the common start.
struct ActivityTimes {
  double start_s = 0;
  double end_s = 0;
};
/// What happened: the spans of every op from the times of its activity.
traces::Timeline timeline_of(const schedule::Schedule& schedule, const ActivityGraph& graph,
                             const std::function<ActivityTimes(std::size_t activity)>& times);

}  // namespace ppplan::exec
