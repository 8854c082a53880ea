#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "planner/input/input_error.h"
#include "planner/spec/cluster_spec.h"
#include "planner/spec/fields.h"

namespace ppplan::spec {
namespace {

using input::InputError;

std::string at(const std::string& list, std::size_t index, const std::string& member) {
  return "/" + list + "/" + std::to_string(index) + (member.empty() ? "" : "/" + member);
}

std::string text(double value) { return std::to_string(value); }

void check_rate(const std::string& source, const std::string& place, double value, bool zero_allowed) {
  if (std::isfinite(value) && (value > 0 || (zero_allowed && value == 0))) return;
  throw InputError(source, place, zero_allowed ? "a rate of at least 0" : "a rate above 0", text(value));
}

void check_link(const Link& link, std::size_t index, const std::string& source, std::set<std::string>& names) {
  if (link.name.empty()) throw InputError(source, at("links", index, "name"), "a name", "none");
  if (!names.insert(link.name).second)
    throw InputError(source, at("links", index, "name"), "a name that no other link has",
                     "\"" + link.name + "\" again");
  check_rate(source, at("links", index, "bandwidth_bytes_per_s"), link.bandwidth_bytes_per_s, false);
  if (!std::isfinite(link.latency_s) || link.latency_s < 0)
    throw InputError(source, at("links", index, "latency_s"), "a time of at least 0", text(link.latency_s));
}

void check_path(const Path& path, std::size_t links, const std::string& place, const std::string& source) {
  if (path.meets.empty()) throw InputError(source, place + "/meets", "the name of a meeting point", "none");
  std::set<int> seen;
  for (std::size_t i = 0; i < path.links.size(); ++i) {
    const int link = path.links[i];
    const std::string here = place + "/links/" + std::to_string(i);
    if (link < 0 || static_cast<std::size_t>(link) >= links)
      throw InputError(source, here, "one of the " + std::to_string(links) + " links", std::to_string(link));
    if (!seen.insert(link).second)
      throw InputError(source, here, "a link that the path has not crossed yet", "one again");
  }
}

void check_rates(const Device& device, std::size_t index, const std::string& source) {
  check_rate(source, at("devices", index, "memory_bytes_per_s"), device.memory_bytes_per_s, false);
  double fastest = 0;
  for (const auto& [name, member] : compute_rates) {
    check_rate(source, at("devices", index, name), device.*member, true);
    fastest = std::max(fastest, device.*member);
  }
  if (fastest <= 0)
    throw InputError(source, at("devices", index, "bf16_flops_per_s"), "one format with a rate above 0", "none");
}

void check_device(const Device& device, std::size_t index, std::size_t links, const std::string& source) {
  if (device.name.empty()) throw InputError(source, at("devices", index, "name"), "a name", "none");
  if (device.node < 0) throw InputError(source, at("devices", index, "node"), "0 or more", std::to_string(device.node));
  if (device.slot < 0) throw InputError(source, at("devices", index, "slot"), "0 or more", std::to_string(device.slot));
  if (device.memory_bytes <= 0)
    throw InputError(source, at("devices", index, "memory_bytes"), "more than 0", std::to_string(device.memory_bytes));
  if (device.free_bytes < 0 || device.free_bytes > device.memory_bytes)
    throw InputError(source, at("devices", index, "free_bytes"), "0 to " + std::to_string(device.memory_bytes),
                     std::to_string(device.free_bytes));
  check_rates(device, index, source);
  for (std::size_t p = 0; p < device.paths.size(); ++p)
    check_path(device.paths[p], links, at("devices", index, "paths/" + std::to_string(p)), source);
}

using MeetingPoints = std::set<std::string>;

bool share_one(const MeetingPoints& a, const MeetingPoints& b) {
  for (const std::string& point : a)
    if (b.contains(point)) return true;
  return false;
}

/// Devices with the same meeting points reach the same others, so that one of each kind is compared.
void check_reachability(const ClusterSpec& cluster, const std::string& source) {
  std::map<MeetingPoints, std::vector<std::size_t>> kinds;
  for (std::size_t d = 0; d < cluster.devices.size(); ++d) {
    MeetingPoints points;
    for (const Path& path : cluster.devices[d].paths) points.insert(path.meets);
    kinds[points].push_back(d);
  }
  const auto refuse = [&](std::size_t a, std::size_t b) {
    throw InputError(source, at("devices", b, "paths"),
                     "a meeting point shared with device " + std::to_string(a) + " (" + cluster.devices[a].name + ")",
                     "none");
  };
  for (auto a = kinds.begin(); a != kinds.end(); ++a) {
    if (a->first.empty() && a->second.size() > 1) refuse(a->second[0], a->second[1]);
    for (auto b = std::next(a); b != kinds.end(); ++b)
      if (!share_one(a->first, b->first)) refuse(a->second[0], b->second[0]);
  }
}

}  // namespace

void validate(const ClusterSpec& cluster, const std::string& source) {
  if (cluster.devices.empty()) throw InputError(source, "/devices", "at least one device", "none");
  std::set<std::string> names;
  for (std::size_t i = 0; i < cluster.links.size(); ++i) check_link(cluster.links[i], i, source, names);
  for (std::size_t i = 0; i < cluster.devices.size(); ++i)
    check_device(cluster.devices[i], i, cluster.links.size(), source);
  check_reachability(cluster, source);
}

}  // namespace ppplan::spec
