// Places devices in nodes and connects them as their kinds are attached.
#pragma once

#include <vector>

#include "planner/spec/cluster_spec.h"
#include "planner/spec/gpu_kind.h"

namespace ppplan::spec {

struct Network {
  double bandwidth_bytes_per_s = 0;  // of a node's one NIC, each way
  double latency_s = 0;
};

/// `kinds` in device order, `node_sizes` summing to their number.
///
///   NVLink     device - nvlink - nodeN.nvswitch (another meeting point for every further kind in that node)
///   bridge     device - bridge - nodeN.bridgeP, neighbours of one kind in pairs (0,1), (2,3), ...
///   PCIe       device - pcie - [switchP -] nodeN.host; with three and more cards in a node two share a switch's uplink
///   CPU core   core - memory - nodeN.memory
///   network    device - pcie or memory - nic0 - network, when there are several nodes
ClusterSpec wire_cluster(const std::vector<GpuKind>& kinds, const std::vector<int>& node_sizes, const Network& network);

}  // namespace ppplan::spec
