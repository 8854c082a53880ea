// The routes that the transfers of schedules take over a cluster, as the machine wants them: one-way links, numbered
// routes.
#pragma once

#include <map>
#include <span>
#include <utility>
#include <vector>

#include "planner/schedule/schedule.h"
#include "planner/spec/cluster_spec.h"
#include "sim/machine.h"

namespace ppplan::sim {

struct Flow {
  int route = 0;
  double bytes = 0;
};

class FlowRoutes {
 public:
  explicit FlowRoutes(const spec::ClusterSpec& cluster) : cluster_(cluster) {}

  /// The flows of a transfer: with groups of s and t ranks, max(s, t) flows of equal size, flow i between ranks i mod s
  /// and i mod t. None when it has no bytes; ranks on one device exchange nothing. Throws InputError when a device is
  /// not in the cluster or cannot be reached, or a group with bytes to move is empty.
  std::vector<Flow> flows(const schedule::Schedule& schedule, const schedule::Op& send);

  const std::vector<double>& link_bytes_per_s() const { return link_bytes_per_s_; }
  const std::vector<std::vector<int>>& routes() const { return routes_; }

 private:
  int route_between(int from, int to);
  int one_way_link(const spec::Hop& hop);
  void expect_device(const schedule::ScheduleDevice& device, int member) const;

  const spec::ClusterSpec& cluster_;
  std::vector<double> link_bytes_per_s_;
  std::vector<std::vector<int>> routes_;
  std::map<std::pair<int, bool>, int> link_of_;  // (cluster link, up), both ways the same when half-duplex
  std::map<std::pair<int, int>, int> route_of_;  // (from, to); -1 where no link is crossed
};

}  // namespace ppplan::sim
