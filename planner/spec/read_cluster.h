// Clusters from flags: --gpus 8 --gpu h100-sxm, --gpus 2xrtx4090,1xrtx3090, --nodes, --gpu-spec, --network, or a file.
//
// --gpus-from FILE (nvidia-smi) says which cards one machine has, how much of their memory is free and how wide their
// PCIe links are; --topo FILE (nvidia-smi topo -m) how the cards of a node are linked.
//
// Links that nobody described follow the card: NVLink cards meet in their node's NVSwitch (a pair's bridge for bridged
// cards), PCIe cards hang in pairs below a switch whose uplink they share, CPU cores share the memory bus; nodes meet
// in the network over one NIC a node (assumed, and said so).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/spec/cluster_spec.h"

namespace ppplan::spec {

struct ClusterFlags {
  std::string gpus = "1";              // "8", "2xrtx4090,1xrtx3090"
  std::string gpu = "h100-sxm";        // kind of a bare number
  std::string nodes;                   // "", "2", "4,4,2"
  std::vector<std::string> gpu_specs;  // 'name:mem=24GiB,bw=936GB/s,bf16=142TFLOPS[,link=pcie4x16|nvlink300GB/s]'
  std::optional<std::string> network;  // 'bw=12.5GB/s,latency=10us'
  std::string gpus_from;               // nvidia-smi's table or csv: instead of gpus, gpu and nodes
  std::string topology_file;           // nvidia-smi topo -m of one node; every node is like it
  std::string cluster_file;            // replaces all of the above
  std::vector<std::string> reserves;   // "0=2GiB"
};

/// Throws InputError that names the flag, what was expected and what was found.
ClusterSpec read_cluster(const ClusterFlags& flags);
/// Catalog names, sorted.
std::vector<std::string> known_gpus();

/// "24GiB", "80 GB", "512MiB" -> bytes; "936GB/s" -> bytes per second; "142TFLOPS" -> FLOP/s; "10us" -> seconds.
/// `flag` names the place in the error.
double parse_bytes(const std::string& text, const std::string& flag);
double parse_rate(const std::string& text, const std::string& flag);
double parse_flops(const std::string& text, const std::string& flag);
double parse_seconds(const std::string& text, const std::string& flag);

}  // namespace ppplan::spec
