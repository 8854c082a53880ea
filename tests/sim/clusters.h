// Small clusters whose contention is known.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "planner/spec/cluster_spec.h"

namespace ppplan::tests {

inline int add_link(spec::ClusterSpec& cluster, double bytes_per_s, bool half_duplex = false) {
  const int link = static_cast<int>(cluster.links.size());
  cluster.links.push_back(
      {"link" + std::to_string(link), spec::LinkKind::pcie, bytes_per_s, /*latency_s=*/0, half_duplex});
  return link;
}

inline spec::Device device_on(std::vector<spec::Path> paths) { return {.name = "card", .paths = std::move(paths)}; }

/// Every pair of devices has two links of its own: nothing is ever shared but by flows of one pair and direction.
inline spec::ClusterSpec private_links(int devices, double bytes_per_s) {
  spec::ClusterSpec cluster;
  cluster.devices.resize(static_cast<std::size_t>(devices), device_on({}));
  for (int a = 0; a < devices; ++a)
    for (int b = a + 1; b < devices; ++b)
      for (const int end : {a, b})
        cluster.devices[static_cast<std::size_t>(end)].paths.push_back(
            {"pair" + std::to_string(a) + "-" + std::to_string(b), {add_link(cluster, bytes_per_s)}});
  return cluster;
}

/// A port each at a non-blocking switch.
inline spec::ClusterSpec switched(int devices, double bytes_per_s, bool half_duplex = false) {
  spec::ClusterSpec cluster;
  for (int k = 0; k < devices; ++k)
    cluster.devices.push_back(device_on({{"switch", {add_link(cluster, bytes_per_s, half_duplex)}}}));
  return cluster;
}

}  // namespace ppplan::tests
