#include "planner/spec/read_cluster.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "planner/input/input_error.h"
#include "planner/spec/flag_text.h"
#include "planner/spec/gpu_kind.h"
#include "planner/spec/plan_json.h"
#include "planner/spec/smi_devices.h"
#include "planner/spec/wire_topology.h"

namespace ppplan::spec {
namespace {

using input::InputError;

constexpr int most_devices = 4096;
const std::string count_expected =
    "1 to " + std::to_string(most_devices) + " devices, such as 8 or 2xrtx4090,1xrtx3090";

GpuKinds described_kinds(const std::vector<std::string>& specs) {
  GpuKinds told;
  for (const std::string& text : specs) {
    const GpuKind kind = gpu_from_spec(text);
    if (!told.emplace(kind.device.name, kind).second)
      throw InputError("--gpu-spec", "", "every card described once", "\"" + kind.device.name + "\" again");
  }
  return told;
}

GpuKind kind_named(const std::string& name, const GpuKinds& described, const std::string& flag) {
  const auto found = described.find(name);
  return found == described.end() ? catalog_gpu(name, flag) : found->second;
}

bool all_digits(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// "2xrtx4090" or "rtx4090": how many, and of what.
std::pair<int, std::string> count_and_name(const std::string& item) {
  const auto x = item.find('x');
  if (x != std::string::npos && all_digits(item.substr(0, x)))
    return {whole_number(item.substr(0, x), 1, most_devices, "--gpus", count_expected), item.substr(x + 1)};
  if (item.empty()) throw InputError("--gpus", "", count_expected, "an empty item");
  return {1, item};
}

std::vector<GpuKind> listed_devices(const ClusterFlags& flags) {
  const GpuKinds described = described_kinds(flags.gpu_specs);
  if (all_digits(flags.gpus) || flags.gpus.starts_with("-")) {
    const int count = whole_number(flags.gpus, 1, most_devices, "--gpus", count_expected);
    return std::vector<GpuKind>(static_cast<std::size_t>(count), kind_named(flags.gpu, described, "--gpu"));
  }
  std::vector<GpuKind> out;
  for (const std::string& item : split(flags.gpus, ',')) {
    const auto [count, name] = count_and_name(item);
    out.insert(out.end(), static_cast<std::size_t>(count), kind_named(name, described, "--gpus"));
    if (out.size() > most_devices) throw InputError("--gpus", "", count_expected, std::to_string(out.size()));
  }
  return out;
}

std::vector<int> node_sizes(const std::string& nodes, int devices) {
  const std::string expected =
      "a number of nodes that divides " + std::to_string(devices) + " devices, or sizes that sum to it";
  if (nodes.empty()) return {devices};
  std::vector<int> sizes;
  for (const std::string& item : split(nodes, ','))
    sizes.push_back(whole_number(item, 1, devices, "--nodes", expected));
  if (sizes.size() == 1) {
    if (devices % sizes[0] != 0) throw InputError("--nodes", "", expected, nodes);
    return std::vector<int>(static_cast<std::size_t>(sizes[0]), devices / sizes[0]);
  }
  const long total = std::accumulate(sizes.begin(), sizes.end(), 0L);
  if (total != devices) throw InputError("--nodes", "", expected, nodes + ", which sum to " + std::to_string(total));
  return sizes;
}

Network network_from(const std::string& text) {
  Network network{0, link_defaults().network_latency_s};
  for (const std::string& item : split(text, ',')) {
    const auto [key, value] = key_and_value(item, "--network");
    if (key == "bw")
      network.bandwidth_bytes_per_s = parse_rate(value, "--network bw");
    else if (key == "latency")
      network.latency_s = parse_seconds(value, "--network latency");
    else
      throw InputError("--network", "", "bw or latency", "\"" + key + "\"");
  }
  if (network.bandwidth_bytes_per_s <= 0) throw InputError("--network", "", "'bw='", "none");
  return network;
}

void reserve(ClusterSpec& cluster, const std::string& text) {
  const int devices = static_cast<int>(cluster.devices.size());
  const auto [index, size] = key_and_value(text, "--reserve");
  const int which =
      whole_number(index, 0, devices - 1, "--reserve", "a device index from 0 to " + std::to_string(devices - 1));
  Device& device = cluster.devices[static_cast<std::size_t>(which)];
  const auto bytes = std::llround(parse_bytes(size, "--reserve"));
  if (bytes > device.free_bytes)
    throw InputError("--reserve", "",
                     "at most the " + std::to_string(device.free_bytes) + " free bytes of device " + index, size);
  device.free_bytes -= bytes;
}

/// One machine's cards: flags that say the same in another way are refused.
SmiDevices printed_devices(const ClusterFlags& flags) {
  const ClusterFlags untouched;
  if (flags.gpus != untouched.gpus) throw InputError("--gpus-from", "", "no --gpus beside it", "--gpus " + flags.gpus);
  if (!flags.nodes.empty() && flags.nodes != "1")
    throw InputError("--gpus-from", "", "one node, the machine that nvidia-smi ran on", "--nodes " + flags.nodes);
  const auto cards = read_nvidia_smi(input::read_text(flags.gpus_from), flags.gpus_from);
  return smi_devices(cards, described_kinds(flags.gpu_specs), flags.gpus_from);
}

SmiDevices devices_of(const ClusterFlags& flags) {
  if (!flags.gpus_from.empty()) return printed_devices(flags);
  SmiDevices out{listed_devices(flags), {}};
  if (flags.reserves.empty()) out.assumed.emplace_back("free memory");
  return out;
}

ClusterSpec from_flags(const ClusterFlags& flags) {
  const SmiDevices devices = devices_of(flags);
  const std::vector<int> sizes = node_sizes(flags.nodes, static_cast<int>(devices.kinds.size()));
  const LinkDefaults defaults = link_defaults();
  const Network network =
      flags.network ? network_from(*flags.network) : Network{defaults.network_bytes_per_s, defaults.network_latency_s};
  ClusterSpec cluster;
  if (flags.topology_file.empty()) {
    cluster = wire_cluster(devices.kinds, sizes, network);
  } else {
    const std::string& file = flags.topology_file;
    cluster = wire_topology(devices.kinds, sizes, network, read_smi_topology(input::read_text(file), file));
  }
  if (sizes.size() > 1 && !flags.network) cluster.assumed.push_back("network");
  cluster.assumed.insert(cluster.assumed.end(), devices.assumed.begin(), devices.assumed.end());
  return cluster;
}

ClusterSpec from_file(const ClusterFlags& flags) {
  const std::string& path = flags.cluster_file;
  for (const auto& [flag, value] : {std::pair("--gpus-from", flags.gpus_from), {"--topo", flags.topology_file}})
    if (!value.empty()) throw InputError("--cluster", "", std::string("no ") + flag + " beside it", value);
  const input::Document document = input::read_document(path);
  return cluster_from_json(document.root());
}

}  // namespace

ClusterSpec read_cluster(const ClusterFlags& flags) {
  ClusterSpec cluster = flags.cluster_file.empty() ? from_flags(flags) : from_file(flags);
  for (const std::string& text : flags.reserves) reserve(cluster, text);
  const std::string source = flags.gpus_from.empty() ? "--gpus" : flags.gpus_from;
  validate(cluster, flags.cluster_file.empty() ? source : flags.cluster_file);
  return cluster;
}

}  // namespace ppplan::spec
