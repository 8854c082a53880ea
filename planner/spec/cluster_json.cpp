#include <map>
#include <set>

#include "planner/spec/fields.h"
#include "planner/spec/gpu_kind.h"
#include "planner/spec/plan_json.h"

namespace ppplan::spec {
namespace {

using input::Json;
using input::Node;

Json link_json(const Link& link) {
  return {{"name", link.name},
          {"kind", name(link.kind)},
          {"bandwidth_bytes_per_s", link.bandwidth_bytes_per_s},
          {"latency_s", link.latency_s},
          {"half_duplex", link.half_duplex}};
}

/// Links are written by name: indices would be hard to write by hand and easy to get wrong.
Json paths_json(const Device& device, const ClusterSpec& cluster) {
  Json out = Json::array();
  for (const Path& path : device.paths) {
    Json links = Json::array();
    for (int link : path.links) links.push_back(cluster.links.at(static_cast<std::size_t>(link)).name);
    Json item;
    item["meets"] = path.meets;
    item["links"] = links;
    out.push_back(item);
  }
  return out;
}

Json device_json(const Device& device, std::size_t index, const ClusterSpec& cluster) {
  Json out;
  out["index"] = index;
  out["name"] = device.name;
  out["node"] = device.node;
  out["slot"] = device.slot;
  out["compute_capability"] = device.compute_capability;
  out["memory_bytes"] = device.memory_bytes;
  out["free_bytes"] = device.free_bytes;
  out["memory_bytes_per_s"] = device.memory_bytes_per_s;
  for (const auto& [key, member] : compute_rates) out[key] = device.*member;
  out["paths"] = paths_json(device, cluster);
  return out;
}

LinkKind kind_from(const Node& node) {
  const std::string text = node.text();
  for (LinkKind kind : {LinkKind::nvlink, LinkKind::pcie, LinkKind::network, LinkKind::memory})
    if (name(kind) == text) return kind;
  node.fail("nvlink, pcie, network or memory");
}

Link link_from(const Node& node) {
  Link link;
  link.name = node.at("name").text();
  link.kind = kind_from(node.at("kind"));
  link.bandwidth_bytes_per_s = node.at("bandwidth_bytes_per_s").number(0);
  if (const auto latency = node.find("latency_s")) link.latency_s = latency->number(0);
  if (const auto shared = node.find("half_duplex")) link.half_duplex = shared->boolean();
  return link;
}

using LinkIndex = std::map<std::string, int>;

std::vector<Path> paths_from(const Node& node, const LinkIndex& links) {
  std::vector<Path> out;
  for (const Node& item : node.items()) {
    Path path{item.at("meets").text(), {}};
    for (const Node& link : item.at("links").items()) {
      const auto found = links.find(link.text());
      if (found == links.end()) link.fail("the name of one of the " + std::to_string(links.size()) + " links");
      path.links.push_back(found->second);
    }
    out.push_back(path);
  }
  return out;
}

/// A card that the catalog knows may leave out what the catalog says.
Device known_device(const std::string& name) {
  const auto known = catalog_gpus().find(name);
  return known == catalog_gpus().end() ? Device{} : known->second.device;
}

Device device_from(const Node& node, std::size_t position, const LinkIndex& links) {
  if (const auto index = node.find("index"))
    if (index->integer() != static_cast<std::int64_t>(position)) index->fail(std::to_string(position));
  const std::string name = node.at("name").text();
  Device device = known_device(name);
  const bool known = device.memory_bytes > 0;
  device.name = name;
  if (const auto place = node.find("node")) device.node = place->count(0);
  if (const auto capability = node.find("compute_capability"))
    device.compute_capability = static_cast<int>(capability->integer(0, 999));
  if (!known || node.find("memory_bytes")) device.memory_bytes = node.at("memory_bytes").integer(1);
  const auto free = node.find("free_bytes");
  device.free_bytes = free ? free->integer(0, device.memory_bytes) : device.memory_bytes;
  if (!known || node.find("memory_bytes_per_s")) device.memory_bytes_per_s = node.at("memory_bytes_per_s").number(0);
  if (!known) node.at("bf16_flops_per_s").number(0);
  for (const auto& [key, member] : compute_rates)
    if (const auto rate = node.find(key)) device.*member = rate->number(0);
  if (const auto paths = node.find("paths")) device.paths = paths_from(*paths, links);
  return device;
}

/// A document that names no slots lists the cards of each node in their order.
void set_slots(ClusterSpec& cluster, const Node& devices) {
  std::map<int, std::set<int>> taken;
  const std::vector<Node> items = devices.items();
  for (std::size_t i = 0; i < items.size(); ++i) {
    Device& device = cluster.devices[i];
    std::set<int>& slots = taken[device.node];
    const auto told = items[i].find("slot");
    device.slot = told ? told->count(0) : static_cast<int>(slots.size());
    if (!slots.insert(device.slot).second)
      (told ? *told : items[i])
          .fail("a slot that no other device of node " + std::to_string(device.node) + " has",
                std::to_string(device.slot));
  }
}

}  // namespace

Json to_json(const ClusterSpec& cluster) {
  Json out;
  out["format"] = "ppplan/cluster/1";
  out["devices"] = Json::array();
  for (std::size_t i = 0; i < cluster.devices.size(); ++i)
    out["devices"].push_back(device_json(cluster.devices[i], i, cluster));
  out["links"] = Json::array();
  for (const Link& link : cluster.links) out["links"].push_back(link_json(link));
  out["assumed"] = cluster.assumed;
  return out;
}

ClusterSpec cluster_from_json(const Node& node) {
  node.expect_format("ppplan/cluster/", 1);
  ClusterSpec cluster;
  LinkIndex index;
  if (const auto links = node.find("links"))
    for (const Node& item : links->items()) {
      cluster.links.push_back(link_from(item));
      const int place = static_cast<int>(cluster.links.size()) - 1;
      if (!index.emplace(cluster.links.back().name, place).second)
        item.at("name").fail("a name that no other link has");
    }
  for (const Node& item : node.at("devices").items())
    cluster.devices.push_back(device_from(item, cluster.devices.size(), index));
  set_slots(cluster, node.at("devices"));
  if (const auto assumed = node.find("assumed"))
    for (const Node& item : assumed->items()) cluster.assumed.push_back(item.text());
  validate(cluster, node.pointer().empty() ? node.source() : node.source() + ": " + node.pointer());
  return cluster;
}

}  // namespace ppplan::spec
