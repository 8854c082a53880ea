#include "planner/spec/wire_cluster.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>

namespace ppplan::spec {
namespace {

/// Wires one node at a time; devices of a node are numbered from 0 in link names.
class Wiring {
 public:
  Wiring(ClusterSpec& cluster, bool networked, const Network& network)
      : cluster_(cluster), networked_(networked), network_(network) {}

  void add_node(std::span<const GpuKind> kinds) {
    node_ = "node" + std::to_string(number_);
    const int first = static_cast<int>(cluster_.devices.size());
    const int nic =
        networked_ ? add_link("nic0", LinkKind::network, network_.bandwidth_bytes_per_s, network_.latency_s) : -1;
    add_switches(kinds);
    for (std::size_t i = 0; i < kinds.size(); ++i) add_device(kinds, i, nic);
    number_ += 1;
    note_assumptions(kinds, first);
  }

 private:
  int add_link(const std::string& suffix, LinkKind kind, double bandwidth, double latency) {
    cluster_.links.push_back({node_ + "." + suffix, kind, bandwidth, latency, false});
    return static_cast<int>(cluster_.links.size()) - 1;
  }

  /// With one or two cards the uplink of their switch is never crossed between them.
  void add_switches(std::span<const GpuKind> kinds) {
    uplinks_.clear();
    const auto cards = std::count_if(kinds.begin(), kinds.end(), has_pcie);
    if (cards < 3) return;
    std::vector<double> rates;
    for (const GpuKind& kind : kinds)
      if (has_pcie(kind)) rates.push_back(kind.attachment.pcie_bytes_per_s);
    for (std::size_t i = 0; i < rates.size(); i += 2) {
      const double rate = i + 1 < rates.size() ? std::max(rates[i], rates[i + 1]) : rates[i];
      uplinks_.push_back(add_link("switch" + std::to_string(i / 2), LinkKind::pcie, rate, 0));
    }
    cards_seen_ = 0;
  }

  void add_device(std::span<const GpuKind> kinds, std::size_t local, int nic) {
    const GpuKind& kind = kinds[local];
    Device device = kind.device;
    device.node = number_;
    device.slot = static_cast<int>(local);
    const std::string prefix = (kind.attachment.memory_bytes_per_s > 0 ? "core" : "gpu") + std::to_string(local) + ".";
    if (kind.attachment.nvlink_bytes_per_s > 0) add_nvlink(device, kind, kinds, prefix);
    if (kind.attachment.bridge_bytes_per_s > 0) add_bridge(device, kinds, local, prefix);
    if (has_pcie(kind)) add_pcie(device, kind, prefix, nic);
    if (kind.attachment.memory_bytes_per_s > 0) add_memory(device, kinds, kind, prefix, nic);
    cluster_.devices.push_back(device);
  }

  void add_nvlink(Device& device, const GpuKind& kind, std::span<const GpuKind> kinds, const std::string& prefix) {
    const auto first = std::find_if(kinds.begin(), kinds.end(),
                                    [](const GpuKind& other) { return other.attachment.nvlink_bytes_per_s > 0; });
    const std::string suffix = first->device.name == kind.device.name ? "" : "." + kind.device.name;
    const int link =
        add_link(prefix + "nvlink", LinkKind::nvlink, kind.attachment.nvlink_bytes_per_s, defaults_.nvlink_latency_s);
    device.paths.push_back({node_ + ".nvswitch" + suffix, {link}});
  }

  void add_bridge(Device& device, std::span<const GpuKind> kinds, std::size_t local, const std::string& prefix) {
    const std::size_t other = local ^ 1U;
    if (other >= kinds.size() || kinds[other].device.name != kinds[local].device.name) return;
    const int link = add_link(prefix + "bridge", LinkKind::nvlink, kinds[local].attachment.bridge_bytes_per_s,
                              defaults_.nvlink_latency_s);
    device.paths.push_back({node_ + ".bridge" + std::to_string(local / 2), {link}});
  }

  void add_pcie(Device& device, const GpuKind& kind, const std::string& prefix, int nic) {
    const int link =
        add_link(prefix + "pcie", LinkKind::pcie, kind.attachment.pcie_bytes_per_s, defaults_.pcie_latency_s);
    Path host{node_ + ".host", {link}};
    if (!uplinks_.empty()) host.links.push_back(uplinks_[cards_seen_++ / 2]);
    device.paths.push_back(host);
    if (nic >= 0) device.paths.push_back({"network", {link, nic}});
  }

  void add_memory(Device& device, std::span<const GpuKind> kinds, const GpuKind& kind, const std::string& prefix,
                  int nic) {
    const int link =
        add_link(prefix + "memory", LinkKind::memory, kind.attachment.memory_bytes_per_s, defaults_.memory_latency_s);
    device.paths.push_back({node_ + ".memory", {link}});
    if (std::any_of(kinds.begin(), kinds.end(), has_pcie)) device.paths.push_back({node_ + ".host", {link}});
    if (nic >= 0) device.paths.push_back({"network", {link, nic}});
  }

  void note_assumptions(std::span<const GpuKind> kinds, int first) {
    for (const GpuKind& kind : kinds)
      if (const std::string text = assumed_figures(kind); !text.empty()) note(text);
    if (!uplinks_.empty() && std::any_of(kinds.begin(), kinds.end(), lacks_switch)) note("PCIe switches");
    for (std::size_t d = static_cast<std::size_t>(first); d < cluster_.devices.size(); ++d)
      for (const Path& path : cluster_.devices[d].paths)
        if (path.meets.find(".bridge") != std::string::npos) note("NVLink bridges");
  }

  void note(const std::string& what) {
    if (noted_.insert(what).second) cluster_.assumed.push_back(what);
  }

  static bool has_pcie(const GpuKind& kind) { return kind.attachment.pcie_bytes_per_s > 0; }
  static bool lacks_switch(const GpuKind& kind) { return has_pcie(kind) && kind.attachment.nvlink_bytes_per_s <= 0; }

  ClusterSpec& cluster_;
  const bool networked_;
  const Network network_;
  const LinkDefaults defaults_ = link_defaults();
  int number_ = 0;
  std::string node_;
  std::vector<int> uplinks_;
  std::size_t cards_seen_ = 0;
  std::set<std::string> noted_;
};

}  // namespace

ClusterSpec wire_cluster(const std::vector<GpuKind>& kinds, const std::vector<int>& node_sizes,
                         const Network& network) {
  ClusterSpec cluster;
  Wiring wiring(cluster, node_sizes.size() > 1, network);
  std::size_t first = 0;
  for (int size : node_sizes) {
    wiring.add_node(std::span(kinds).subspan(first, static_cast<std::size_t>(size)));
    first += static_cast<std::size_t>(size);
  }
  return cluster;
}

}  // namespace ppplan::spec
