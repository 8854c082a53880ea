// What `nvidia-smi topo -m` prints: how the cards of one machine reach each other.
//
//           GPU0    GPU1    NIC0    CPU Affinity    NUMA Affinity
//   GPU0     X      NV4     PHB     0-23            0
//   GPU1    NV4      X      SYS     24-47           1
//
// A figure tells the widest thing that a path crosses: NV# = # NVLinks; PIX = one PCIe bridge; PXB = several bridges;
// PHB = the host bridge of a CPU; NODE = between the host bridges of one NUMA node; SYS = between NUMA nodes. Old
// drivers print SOC for SYS. Columns of NICs and switches, and the legend, are skipped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ppplan::spec {

/// From near to far.
enum class Nearness { self, nvlink, pix, pxb, phb, node, sys };

struct Connection {
  Nearness nearness = Nearness::self;
  int nvlinks = 0;  // of nvlink
  bool operator==(const Connection&) const = default;
};

struct SmiTopology {
  std::vector<std::vector<Connection>> between;  // [gpu][gpu], symmetric
  std::vector<int> numa_node;                    // [gpu]; -1 = not told; empty = no such column
  bool operator==(const SmiTopology&) const = default;
};

/// At most 64 GPUs. Time and memory are linear in the text. Throws InputError naming `source` and the line when there
/// is no matrix, a row or column is missing, or the two halves disagree.
SmiTopology read_smi_topology(std::string_view text, const std::string& source);

}  // namespace ppplan::spec
