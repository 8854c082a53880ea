#include "sim/flow_routes.h"

#include <algorithm>
#include <cmath>

#include "planner/input/input_error.h"

namespace ppplan::sim {

using input::InputError;

std::vector<Flow> FlowRoutes::flows(const schedule::Schedule& schedule, const schedule::Op& send) {
  if (send.bytes == 0) return {};
  const auto& from = schedule.devices[static_cast<std::size_t>(send.device)];
  const auto& to = schedule.devices[static_cast<std::size_t>(send.peer)];
  for (const schedule::ScheduleDevice* end : {&from, &to}) {
    if (end->members.empty())
      throw InputError("simulate: '" + end->name + "' moves bytes but has no devices of the cluster");
    for (const int member : end->members) expect_device(*end, member);
  }
  const std::size_t count = std::max(from.members.size(), to.members.size());
  std::vector<Flow> out;
  for (std::size_t i = 0; i < count; ++i) {
    const int route = route_between(from.members[i % from.members.size()], to.members[i % to.members.size()]);
    if (route >= 0) out.push_back({route, static_cast<double>(send.bytes) / static_cast<double>(count)});
  }
  return out;
}

int FlowRoutes::route_between(int from, int to) {
  const auto [known, first] = route_of_.try_emplace({from, to}, -1);
  if (!first) return known->second;
  std::vector<int> links;
  for (const spec::Hop& hop : spec::route(cluster_, from, to)) links.push_back(one_way_link(hop));
  if (links.empty()) return -1;
  routes_.push_back(std::move(links));
  return known->second = static_cast<int>(routes_.size()) - 1;
}

int FlowRoutes::one_way_link(const spec::Hop& hop) {
  const spec::Link& link = cluster_.links.at(static_cast<std::size_t>(hop.link));
  const auto [known, first] = link_of_.try_emplace({hop.link, hop.up || link.half_duplex}, 0);
  if (!first) return known->second;
  if (!std::isfinite(link.bandwidth_bytes_per_s) || link.bandwidth_bytes_per_s <= 0)
    throw InputError("simulate: link '" + link.name + "': expected a finite bandwidth above 0, found " +
                     std::to_string(link.bandwidth_bytes_per_s));
  link_bytes_per_s_.push_back(link.bandwidth_bytes_per_s);
  return known->second = static_cast<int>(link_bytes_per_s_.size()) - 1;
}

void FlowRoutes::expect_device(const schedule::ScheduleDevice& device, int member) const {
  if (member >= 0 && static_cast<std::size_t>(member) < cluster_.devices.size()) return;
  throw InputError("simulate: '" + device.name + "' is on device " + std::to_string(member) + ", expected one below " +
                   std::to_string(cluster_.devices.size()));
}

}  // namespace ppplan::sim
