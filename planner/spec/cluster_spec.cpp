#include "planner/spec/cluster_spec.h"

#include <algorithm>
#include <array>
#include <limits>

#include "planner/input/input_error.h"

namespace ppplan::spec {
namespace {

const Path* path_to(const Device& device, const std::string& meeting_point) {
  for (const Path& path : device.paths)
    if (path.meets == meeting_point) return &path;
  return nullptr;
}

/// Links at the upper ends that both chains have in common: a transfer below one switch never reaches them.
std::size_t shared_upper_links(const std::vector<int>& a, const std::vector<int>& b) {
  std::size_t shared = 0;
  while (shared < std::min(a.size(), b.size()) && a[a.size() - 1 - shared] == b[b.size() - 1 - shared]) ++shared;
  return shared;
}

std::vector<Hop> up_and_down(const std::vector<int>& up, const std::vector<int>& down) {
  const std::size_t shared = shared_upper_links(up, down);
  std::vector<Hop> hops;
  for (std::size_t i = 0; i + shared < up.size(); ++i) hops.push_back({up[i], true});
  for (std::size_t i = down.size() - shared; i > 0; --i) hops.push_back({down[i - 1], false});
  return hops;
}

const Link& link_of(const ClusterSpec& cluster, const Hop& hop) {
  return cluster.links[static_cast<std::size_t>(hop.link)];
}

int slowness(LinkKind kind) {
  switch (kind) {
    case LinkKind::network:
      return 3;
    case LinkKind::pcie:
      return 2;
    case LinkKind::nvlink:
      return 1;
    case LinkKind::memory:
      return 0;
  }
  return 0;
}

std::string described(const Device& device, int index) {
  return "device " + std::to_string(index) + " (" + device.name + ")";
}

}  // namespace

std::vector<Hop> route(const ClusterSpec& cluster, int from, int to) {
  if (from == to) return {};
  const Device& sender = cluster.devices.at(static_cast<std::size_t>(from));
  const Device& receiver = cluster.devices.at(static_cast<std::size_t>(to));
  for (const Path& up : sender.paths)
    if (const Path* down = path_to(receiver, up.meets)) return up_and_down(up.links, down->links);
  throw input::InputError("cluster: " + described(sender, from) + " and " + described(receiver, to) +
                          " have no meeting point, so nothing can travel between them");
}

double bandwidth_bytes_per_s(const ClusterSpec& cluster, const std::vector<Hop>& route) {
  double smallest = std::numeric_limits<double>::infinity();
  for (const Hop& hop : route) smallest = std::min(smallest, link_of(cluster, hop).bandwidth_bytes_per_s);
  return smallest;
}

double latency_s(const ClusterSpec& cluster, const std::vector<Hop>& route) {
  double total = 0;
  for (const Hop& hop : route) total += link_of(cluster, hop).latency_s;
  return total;
}

LinkKind slowest_kind(const ClusterSpec& cluster, const std::vector<Hop>& route) {
  LinkKind slowest = LinkKind::memory;
  for (const Hop& hop : route) {
    const LinkKind kind = link_of(cluster, hop).kind;
    if (slowness(kind) > slowness(slowest)) slowest = kind;
  }
  return slowest;
}

std::string_view name(LinkKind kind) {
  constexpr std::array<std::string_view, 4> names = {"nvlink", "pcie", "network", "memory"};
  return names[static_cast<std::size_t>(kind)];
}

}  // namespace ppplan::spec
