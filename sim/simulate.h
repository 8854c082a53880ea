// Predicts what schedules do on a cluster, with contention on shared links.
//
// Model: a compute op takes its seconds on its device. A transfer takes its own `seconds` (a delay), then moves its
// bytes as flows over the links of the route; concurrent flows on a link direction get max-min fair shares (SimGrid's
// fluid model with CM02, no TCP window, no cross traffic, zero wire latency in the solver).
#pragma once

#include <span>
#include <vector>

#include "planner/schedule/schedule.h"
#include "planner/spec/cluster_spec.h"
#include "traces/timeline.h"

namespace ppplan::sim {

/// One timeline per schedule, in order, origin "simulated". Runs in forked workers, as many as there are cores at most,
/// since SimGrid holds one platform a process; no thread of the caller's may run meanwhile. Throws InputError for a
/// schedule that can't complete or names devices that the cluster lacks, std::runtime_error when a worker dies.
std::vector<traces::Timeline> simulate(std::span<const schedule::Schedule> schedules, const spec::ClusterSpec& cluster);

}  // namespace ppplan::sim
