#include <fmt/format.h>

#include <map>
#include <set>

#include "planner/verify/claim.h"
#include "planner/verify/claims.h"

namespace ppplan::verify {
namespace {

using input::Node;

std::set<std::string> link_names(const Node& cluster, Claim& claim) {
  std::set<std::string> names;
  if (const auto links = cluster.find("links"))
    for (const Node& link : links->items()) {
      const std::string name = link.at("name").text();
      claim.require(name, names.insert(name).second, "the name again");
      const double bandwidth = link.at("bandwidth_bytes_per_s").number();
      const auto latency = link.find("latency_s");
      claim.require(name, bandwidth > 0 && (!latency || latency->number() >= 0), fmt::format("{} bytes/s", bandwidth));
    }
  return names;
}

Check memory_claim(const std::vector<Node>& devices) {
  Claim claim("devices are numbered in order, and no more memory is free than there is");
  for (std::size_t d = 0; d < devices.size(); ++d) {
    const std::string place = fmt::format("device {}", d);
    if (const auto index = devices[d].find("index")) claim.equal(place, index->integer(), static_cast<std::int64_t>(d));
    const auto memory = devices[d].find("memory_bytes");
    const auto free = devices[d].find("free_bytes");
    if (memory) claim.require(place, memory->number() > 0, "no memory");
    if (memory && free)
      claim.require(place, free->integer() >= 0 && free->integer() <= memory->integer(),
                    fmt::format("{} free of {} bytes", free->integer(), memory->integer()));
  }
  return claim.check();
}

Check paths_claim(const std::vector<Node>& devices, const std::set<std::string>& links) {
  Claim claim("paths cross links that are listed, each once");
  for (std::size_t d = 0; d < devices.size(); ++d) {
    const auto paths = devices[d].find("paths");
    if (!paths) continue;
    for (const Node& path : paths->items()) {
      std::set<std::string> crossed;
      for (const Node& link : path.at("links").items())
        claim.require(fmt::format("device {}", d), links.contains(link.text()) && crossed.insert(link.text()).second,
                      link.text());
    }
  }
  return claim.check();
}

/// Devices with equal sets of meeting points are compared once.
Check reach_claim(const std::vector<Node>& devices) {
  Claim claim("any two devices have a meeting point");
  std::map<std::set<std::string>, int> kinds;
  for (const Node& device : devices) {
    std::set<std::string> meets;
    if (const auto paths = device.find("paths"))
      for (const Node& path : paths->items()) meets.insert(path.at("meets").text());
    ++kinds[meets];
  }
  const auto share = [](const std::set<std::string>& a, const std::set<std::string>& b) {
    for (const std::string& point : a)
      if (b.contains(point)) return true;
    return false;
  };
  for (auto a = kinds.begin(); a != kinds.end(); ++a)
    for (auto b = a; b != kinds.end(); ++b)
      claim.require("", (a == b && a->second == 1) || share(a->first, b->first), "two that have none");
  return claim.check();
}

}  // namespace

Checks cluster_claims(const Node& cluster) {
  const auto devices = cluster.at("devices").items();
  Claim names("links have names of their own, a bandwidth above 0 and no negative latency");
  const std::set<std::string> links = link_names(cluster, names);
  Claim some("the cluster has a device");
  some.require("", !devices.empty(), "none");
  return {some.check(), names.check(), memory_claim(devices), paths_claim(devices, links), reach_claim(devices)};
}

}  // namespace ppplan::verify
