// Connects the cards of each node as nvidia-smi topo -m says.
#pragma once

#include <vector>

#include "planner/spec/gpu_kind.h"
#include "planner/spec/smi_topology.h"
#include "planner/spec/wire_cluster.h"

namespace ppplan::spec {

/// Every node is wired alike; `topology` is of as many cards as each of `node_sizes` (InputError naming --topo if not).
///
///   PIX   card - pcie - switchP - nodeN.host: cards below one PCIe switch share its uplink
///   PXB   ... - switchP - bridgesB - nodeN.host: switches behind one port of the CPU share that too
///   PHB, NODE   meet in nodeN.host; the mesh of one CPU is no bottleneck
///   SYS   ... - socketS - nodeN.host: cards of one NUMA node share the link between CPUs (rate assumed, and said so)
///   NV#   cards all of whose links go to every peer at once meet in nodeN.nvswitch; otherwise each pair has its own
///         # links. A rate per link comes from the architecture, or for cards of none from their own NVLink rate.
///
/// What lies behind the NVLinks of a pair is not printed: cards of one NUMA node, or of an unknown one, count as NODE.
ClusterSpec wire_topology(const std::vector<GpuKind>& kinds, const std::vector<int>& node_sizes, const Network& network,
                          const SmiTopology& topology);

}  // namespace ppplan::spec
