// Devices and the links between them, shared as they are in hardware.
//
// A device hangs on one or more paths. A path is the chain of links from the device up to a meeting point (an NVSwitch,
// the host bridge of a node, the network). Two devices talk over the first meeting point, in the sender's order, that
// both have; the route goes up the sender's chain and down the receiver's, and the links that both chains share at
// their upper end are left out (two cards below one PCIe switch do not cross its uplink). Every link carries
// `bandwidth_bytes_per_s` each way, or in both ways together when half_duplex. Flows that cross the same link in the
// same direction share it max-min fairly.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ppplan::spec {

enum class LinkKind { nvlink, pcie, network, memory };

struct Link {
  std::string name;  // unique: "node0.gpu1.nvlink", "node0.nic0"
  LinkKind kind = LinkKind::pcie;
  double bandwidth_bytes_per_s = 0;
  double latency_s = 0;  // of the wire; messages add their software latency (cost/link_costs.h)
  bool half_duplex = false;
  bool operator==(const Link&) const = default;
};

struct Path {
  std::string meets;       // the meeting point: "node0.nvswitch", "node0.host", "network"
  std::vector<int> links;  // indices into ClusterSpec::links, from the device upwards
  bool operator==(const Path&) const = default;
};

/// One GPU (or CPU core). Rates are dense peak rates of the datasheet; 0 = the card does not compute in that format.
struct Device {
  std::string name;  // catalog name: "h100-sxm"
  int node = 0;
  int slot = 0;                   // among the cards of its node in PCI bus order: its number in CUDA_VISIBLE_DEVICES
  int compute_capability = 0;     // 89 for 8.9; 0 = not told, or no CUDA card
  std::int64_t memory_bytes = 0;  // as CUDA reports it, less than nvidia-smi's total
  std::int64_t free_bytes = 0;
  double memory_bytes_per_s = 0;
  double bf16_flops_per_s = 0;
  double fp16_flops_per_s = 0;
  double fp8_flops_per_s = 0;
  double int8_flops_per_s = 0;
  double fp4_flops_per_s = 0;
  std::vector<Path> paths;  // preferred first
  bool operator==(const Device&) const = default;
};

struct ClusterSpec {
  std::vector<Device> devices;
  std::vector<Link> links;
  std::vector<std::string> assumed;  // names of inputs nobody stated: "network", "free memory", ...
  bool operator==(const ClusterSpec&) const = default;
};

/// One link in one direction. `up` = from the device towards the meeting point.
struct Hop {
  int link = 0;
  bool up = true;
  bool operator==(const Hop&) const = default;
};

/// The hops of a transfer, in order; empty when from == to. Throws InputError when the two have no meeting point.
std::vector<Hop> route(const ClusterSpec& cluster, int from, int to);
/// Smallest bandwidth on the route; infinite when it is empty.
double bandwidth_bytes_per_s(const ClusterSpec& cluster, const std::vector<Hop>& route);
/// Sum of the wires' latencies.
double latency_s(const ClusterSpec& cluster, const std::vector<Hop>& route);
/// The slowest kind on the route (network > pcie > nvlink > memory); memory when it is empty.
LinkKind slowest_kind(const ClusterSpec& cluster, const std::vector<Hop>& route);
std::string_view name(LinkKind kind);

/// Throws InputError unless indices, counts and rates make sense and every device can reach every other.
/// `source` names the input in errors.
void validate(const ClusterSpec& cluster, const std::string& source);

}  // namespace ppplan::spec
