#include "planner/spec/wire_topology.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <span>

#include "planner/input/input_error.h"

namespace ppplan::spec {
namespace {

using Classes = std::vector<std::size_t>;  // [gpu]: the lowest number of a card of its class

/// PCIe's nearness of two cards. NVLink hides it: the NUMA nodes tell what is known of it.
Nearness pcie_nearness(const SmiTopology& topology, std::size_t a, std::size_t b) {
  const Nearness printed = topology.between[a][b].nearness;
  if (printed != Nearness::nvlink) return printed;
  if (topology.numa_node.empty()) return Nearness::node;
  const int here = topology.numa_node[a];
  const int there = topology.numa_node[b];
  return here >= 0 && there >= 0 && here != there ? Nearness::sys : Nearness::node;
}

/// Joins whom `joined` says to join, directly or over others.
template <typename Joined>
Classes classes(std::size_t count, const Joined& joined) {
  Classes root(count);
  std::iota(root.begin(), root.end(), std::size_t{0});
  for (std::size_t a = 0; a < count; ++a)
    for (std::size_t b = 0; b < a; ++b)
      if (root[a] != root[b] && joined(a, b)) {
        const std::size_t low = std::min(root[a], root[b]);
        const std::size_t high = std::max(root[a], root[b]);
        std::replace(root.begin(), root.end(), high, low);
      }
  return root;
}

Classes within(const SmiTopology& topology, Nearness nearness) {
  return classes(topology.between.size(),
                 [&](std::size_t a, std::size_t b) { return pcie_nearness(topology, a, b) <= nearness; });
}

Classes joined_by_nvlink(const SmiTopology& topology) {
  return classes(topology.between.size(),
                 [&](std::size_t a, std::size_t b) { return topology.between[a][b].nearness == Nearness::nvlink; });
}

std::vector<std::size_t> members(const Classes& classes, std::size_t which) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < classes.size(); ++i)
    if (classes[i] == which) out.push_back(i);
  return out;
}

class TopologyWiring {
 public:
  TopologyWiring(ClusterSpec& cluster, const SmiTopology& topology, bool networked, const Network& network)
      : cluster_(cluster), topology_(topology), networked_(networked), network_(network) {}

  void add_node(std::span<const GpuKind> kinds) {
    kinds_ = kinds;
    node_ = "node" + std::to_string(number_);
    devices_.clear();
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      devices_.push_back(kinds[i].device);
      devices_[i].node = number_;
      devices_[i].slot = static_cast<int>(i);
    }
    add_nvlinks();
    add_pcie();
    cluster_.devices.insert(cluster_.devices.end(), devices_.begin(), devices_.end());
    note_figures();
    number_ += 1;
  }

 private:
  int add_link(const std::string& suffix, LinkKind kind, double bandwidth, double latency) {
    cluster_.links.push_back({node_ + "." + suffix, kind, bandwidth, latency, false});
    return static_cast<int>(cluster_.links.size()) - 1;
  }

  static std::string card(std::size_t i) { return "gpu" + std::to_string(i); }

  /// What `count` links of a card carry together.
  double nvlink_bytes_per_s(std::size_t i, int count) {
    const GpuKind& kind = kinds_[i];
    if (kind.device.compute_capability == 0 && kind.attachment.nvlink_bytes_per_s > 0)
      return kind.attachment.nvlink_bytes_per_s;
    if (kind.device.compute_capability == 0) note("NVLink rate of " + kind.device.name);
    return count * nvlink_rate(kind.device.compute_capability).bytes_per_s_per_link * defaults_.nvlink_efficiency;
  }

  void add_nvlinks() {
    const Classes joined = joined_by_nvlink(topology_);
    for (std::size_t i = 0; i < joined.size(); ++i) {
      const std::vector<std::size_t> group = members(joined, i);
      if (group.size() < 2) continue;
      if (is_switched(group))
        add_switch(group);
      else
        add_pairs(group);
    }
  }

  /// Every card shows the same count to all others, more in sum than it has links.
  bool is_switched(const std::vector<std::size_t>& group) const {
    const int count = topology_.between[group[0]][group[1]].nvlinks;
    for (std::size_t a : group)
      for (std::size_t b : group)
        if (a != b && topology_.between[a][b] != Connection{Nearness::nvlink, count}) return false;
    const int links = nvlink_rate(kinds_[group[0]].device.compute_capability).links;
    return count * static_cast<int>(group.size() - 1) > links;
  }

  void add_switch(const std::vector<std::size_t>& group) {
    const std::string meets = node_ + ".nvswitch" + (group[0] == 0 ? "" : std::to_string(group[0]));
    const int count = topology_.between[group[0]][group[1]].nvlinks;
    for (std::size_t i : group) {
      const int link =
          add_link(card(i) + ".nvlink", LinkKind::nvlink, nvlink_bytes_per_s(i, count), defaults_.nvlink_latency_s);
      devices_[i].paths.push_back({meets, {link}});
    }
  }

  void add_pairs(const std::vector<std::size_t>& group) {
    for (std::size_t a : group)
      for (std::size_t b : group) {
        const Connection& between = topology_.between[a][b];
        if (a >= b || between.nearness != Nearness::nvlink) continue;
        const std::string pair = std::to_string(a) + "-" + std::to_string(b);
        for (std::size_t end : {a, b}) {
          const int link = add_link(card(end) + ".nvlink" + pair, LinkKind::nvlink,
                                    nvlink_bytes_per_s(end, between.nvlinks), defaults_.nvlink_latency_s);
          devices_[end].paths.push_back({node_ + ".nvlink" + pair, {link}});
        }
      }
  }

  double fastest(const std::vector<std::size_t>& group) const {
    double rate = 0;
    for (std::size_t i : group) rate = std::max(rate, kinds_[i].attachment.pcie_bytes_per_s);
    return rate;
  }

  /// One link up from every class of more cards than its parts have and fewer than all, appended to its members'
  /// chains.
  void add_uplinks(const Classes& whole, const Classes* parts, const std::string& name,
                   std::vector<std::vector<int>>& chains) {
    for (std::size_t i = 0; i < whole.size(); ++i) {
      const std::vector<std::size_t> group = members(whole, i);
      if (group.size() < 2 || group.size() == whole.size()) continue;
      if (parts && members(*parts, (*parts)[i]).size() == group.size()) continue;
      const int link = add_link(name + std::to_string(i), LinkKind::pcie, fastest(group), 0);
      for (std::size_t member : group) chains[member].push_back(link);
    }
  }

  void add_socket_links(std::vector<std::vector<int>>& chains) {
    const Classes sockets = within(topology_, Nearness::node);
    if (std::set(sockets.begin(), sockets.end()).size() < 2) return;
    for (std::size_t i = 0; i < sockets.size(); ++i) {
      const std::vector<std::size_t> group = members(sockets, i);
      if (group.empty()) continue;
      const int link = add_link("socket" + std::to_string(i), LinkKind::pcie, defaults_.socket_bytes_per_s,
                                defaults_.socket_latency_s);
      for (std::size_t member : group) chains[member].push_back(link);
    }
    note("link between CPUs");
  }

  void add_pcie() {
    const int nic =
        networked_ ? add_link("nic0", LinkKind::network, network_.bandwidth_bytes_per_s, network_.latency_s) : -1;
    std::vector<std::vector<int>> chains;
    for (std::size_t i = 0; i < kinds_.size(); ++i)
      chains.push_back({add_link(card(i) + ".pcie", LinkKind::pcie, kinds_[i].attachment.pcie_bytes_per_s,
                                 defaults_.pcie_latency_s)});
    const std::vector<std::vector<int>> ports = chains;
    const Classes switches = within(topology_, Nearness::pix);
    add_uplinks(switches, nullptr, "switch", chains);
    add_uplinks(within(topology_, Nearness::pxb), &switches, "bridges", chains);
    add_socket_links(chains);
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
      devices_[i].paths.push_back({node_ + ".host", chains[i]});
      if (nic >= 0) devices_[i].paths.push_back({"network", {ports[i][0], nic}});
    }
  }

  void note_figures() {
    for (const GpuKind& kind : kinds_)
      if (const std::string text = assumed_figures(kind); !text.empty()) note(text);
  }

  void note(const std::string& what) {
    if (noted_.insert(what).second) cluster_.assumed.push_back(what);
  }

  ClusterSpec& cluster_;
  const SmiTopology& topology_;
  const bool networked_;
  const Network network_;
  const LinkDefaults defaults_ = link_defaults();
  std::span<const GpuKind> kinds_;
  std::vector<Device> devices_;
  int number_ = 0;
  std::string node_;
  std::set<std::string> noted_;
};

void check(const std::vector<GpuKind>& kinds, const std::vector<int>& node_sizes, const SmiTopology& topology) {
  const auto cards = static_cast<int>(topology.between.size());
  for (int size : node_sizes)
    if (size != cards)
      throw input::InputError("--topo", "", "the topology of a node of " + std::to_string(size) + " cards",
                              "one of " + std::to_string(cards));
  for (const GpuKind& kind : kinds)
    if (kind.attachment.pcie_bytes_per_s <= 0) throw input::InputError("--topo", "", "cards on PCIe", kind.device.name);
}

}  // namespace

ClusterSpec wire_topology(const std::vector<GpuKind>& kinds, const std::vector<int>& node_sizes, const Network& network,
                          const SmiTopology& topology) {
  check(kinds, node_sizes, topology);
  ClusterSpec cluster;
  TopologyWiring wiring(cluster, topology, node_sizes.size() > 1, network);
  std::size_t first = 0;
  for (int size : node_sizes) {
    wiring.add_node(std::span(kinds).subspan(first, static_cast<std::size_t>(size)));
    first += static_cast<std::size_t>(size);
  }
  return cluster;
}

}  // namespace ppplan::spec
