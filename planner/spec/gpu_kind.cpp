#include "planner/spec/gpu_kind.h"

#include <algorithm>
#include <charconv>

#include "planner/catalog/catalog.h"
#include "planner/input/document.h"
#include "planner/input/input_error.h"
#include "planner/spec/fields.h"
#include "planner/spec/flag_text.h"
#include "planner/spec/read_cluster.h"
#include "planner/spec/text_lines.h"

namespace ppplan::spec {
namespace {

using input::InputError;
using input::Node;

Node link_rules() { return catalog::gpus().root().at("links"); }

double number_or_zero(const Node& node, const std::string& key) {
  const auto found = node.find(key);
  return found ? found->number(0) : 0;
}

std::vector<std::string> texts_or_none(const Node& node, const std::string& key) {
  std::vector<std::string> out;
  if (const auto found = node.find(key))
    for (const Node& item : found->items()) out.push_back(item.text());
  return out;
}

Device device_from(const Node& node) {
  Device device;
  device.name = node.at("name").text();
  device.memory_bytes = node.at("memory_bytes").integer(1);
  device.free_bytes = device.memory_bytes;
  device.memory_bytes_per_s = node.at("memory_bytes_per_s").number(1);
  for (const auto& [key, member] : compute_rates) device.*member = number_or_zero(node, key);
  return device;
}

Attachment attachment_from(const Node& node) {
  const double efficiency = link_rules().at("nvlink_efficiency").number(0, 1);
  Attachment out;
  out.nvlink_bytes_per_s = number_or_zero(node, "nvlink_bytes_per_s") * efficiency;
  out.bridge_bytes_per_s = number_or_zero(node, "bridge_bytes_per_s") * efficiency;
  out.optional_bridge_bytes_per_s = number_or_zero(node, "optional_bridge_bytes_per_s") * efficiency;
  out.memory_bytes_per_s = number_or_zero(node, "memory_bytes_per_s");
  if (const auto pcie = node.find("pcie")) set_pcie(out, pcie->text(), pcie->pointer());
  return out;
}

/// CUDA's "8.9", AMD's "gfx942", or nothing.
void set_capability(GpuKind& kind, const Node& node) {
  const std::string text = node.text();
  if (text.starts_with("gfx"))
    kind.architecture = text;
  else if (!text.empty())
    kind.device.compute_capability = compute_capability(text, node.pointer());
}

GpuKind kind_from(const Node& node) {
  GpuKind kind;
  kind.device = device_from(node);
  kind.attachment = attachment_from(node.at("link"));
  if (const auto total = node.find("nvidia_smi_bytes")) kind.nvidia_smi_bytes = total->integer(1);
  kind.reported_as = texts_or_none(node, "reported_as");
  kind.called = texts_or_none(node, "called");
  kind.assumed = texts_or_none(node, "assumed");
  if (const auto capability = node.find("compute_capability")) set_capability(kind, *capability);
  return kind;
}

double number_or(const Node& node, const std::string& key, double otherwise) {
  const auto found = node.find(key);
  return found ? found->number(0) : otherwise;
}

}  // namespace

const std::map<std::string, GpuKind>& catalog_gpus() {
  static const std::map<std::string, GpuKind> kinds = [] {
    std::map<std::string, GpuKind> out;
    for (const Node& gpu : catalog::gpus().root().at("gpus").items())
      if (!out.emplace(gpu.at("name").text(), kind_from(gpu)).second)
        gpu.at("name").fail("a name that no other card has");
    return out;
  }();
  return kinds;
}

std::vector<std::string> known_gpus() {
  std::vector<std::string> names;
  for (const auto& [name, kind] : catalog_gpus()) names.push_back(name);
  return names;
}

namespace {

/// Letters and digits alone, small.
std::string letters(const std::string& name) {
  std::string out;
  for (const char c : lower(name))
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out += c;
  return out;
}

bool is_called(const std::string& own, const GpuKind& kind, const std::string& name) {
  const std::string asked = letters(name);
  return letters(own) == asked || std::any_of(kind.called.begin(), kind.called.end(),
                                              [&](const std::string& it) { return letters(it) == asked; });
}

}  // namespace

GpuKind catalog_gpu(const std::string& name, const std::string& flag) {
  const auto found = catalog_gpus().find(name);
  if (found != catalog_gpus().end()) return found->second;
  for (const auto& [own, kind] : catalog_gpus())
    if (is_called(own, kind, name)) return kind;
  throw InputError(flag, "", "a GPU that the catalog knows or --gpu-spec describes",
                   quoted_with_hint(name, known_gpus()));
}

std::string assumed_figures(const GpuKind& kind) {
  std::string groups;
  for (const std::string& group : kind.assumed) groups += (groups.empty() ? "" : " and ") + group;
  return groups.empty() ? "" : groups + " of " + kind.device.name;
}

LinkDefaults link_defaults() {
  const Node rules = link_rules();
  LinkDefaults out;
  out.nvlink_efficiency = rules.at("nvlink_efficiency").number(0, 1);
  out.nvlink_latency_s = rules.at("nvlink_latency_s").number(0);
  out.pcie_latency_s = rules.at("pcie_latency_s").number(0);
  out.memory_latency_s = rules.at("memory_latency_s").number(0);
  out.network_bytes_per_s = rules.at("network_bytes_per_s").number(1);
  out.network_latency_s = rules.at("network_latency_s").number(0);
  // A data folder of an older version lacks these; the link between sockets then counts as the network does.
  out.socket_bytes_per_s = number_or(rules, "socket_bytes_per_s", out.network_bytes_per_s);
  out.socket_latency_s = number_or(rules, "socket_latency_s", out.pcie_latency_s);
  return out;
}

NvlinkRate nvlink_rate(int capability) {
  NvlinkRate out;
  int newest = 0;
  const auto table = link_rules().find("nvlink_by_compute_capability");
  if (!table) return out;
  for (const std::string& key : table->keys()) {
    const Node row = table->at(key);
    const int known = compute_capability(key, row.pointer());
    const bool better = newest == 0 || (known <= capability && known > newest);
    if (!better) continue;
    newest = known;
    out = {row.at("links").count(1), row.at("bytes_per_s_per_link").number(1)};
  }
  return out;
}

void set_pcie(Attachment& attachment, const std::string& generation_and_lanes, const std::string& flag) {
  attachment.pcie_bytes_per_s = pcie_bytes_per_s(generation_and_lanes, flag);
  const auto x = generation_and_lanes.find('x');
  attachment.pcie_generation = std::stoi(generation_and_lanes.substr(0, x));
  attachment.pcie_lanes = std::stoi(generation_and_lanes.substr(x + 1));
}

double pcie_bytes_per_s(const std::string& generation_and_lanes, const std::string& flag) {
  static constexpr std::string_view lane_counts[] = {"1", "2", "4", "8", "16", "32"};
  const Node rules = link_rules();
  const Node rates = rules.at("pcie_bytes_per_s_per_lane");
  const auto x = generation_and_lanes.find('x');
  if (x != std::string::npos)
    for (std::string_view lanes : lane_counts)
      if (generation_and_lanes.substr(x + 1) == lanes)
        if (const auto rate = rates.find(generation_and_lanes.substr(0, x)))
          return rate->number(1) * std::stod(std::string(lanes)) * rules.at("pcie_efficiency").number(0, 1);
  throw InputError(flag, "", "a PCIe generation from 1 to 6 and a width, such as 4x16",
                   "\"" + generation_and_lanes + "\"");
}

int compute_capability(const std::string& text, const std::string& flag) {
  const auto dot = text.find('.');
  int major = 0;
  int minor = 0;
  if (dot != std::string::npos && text.size() == dot + 2) {
    const auto [major_end, major_error] = std::from_chars(text.data(), text.data() + dot, major);
    const auto [minor_end, minor_error] = std::from_chars(text.data() + dot + 1, text.data() + text.size(), minor);
    const bool read = major_error == std::errc() && minor_error == std::errc() && major_end == text.data() + dot &&
                      minor_end == text.data() + text.size();
    if (read && major >= 1 && major <= 99 && minor >= 0) return 10 * major + minor;
  }
  throw InputError(flag, "", "a compute capability such as 8.9", "\"" + text + "\"");
}

std::int64_t cuda_bytes(std::int64_t nvidia_smi_bytes) {
  const auto rule = catalog::gpus().root().find("memory_reserve");
  if (!rule) return nvidia_smi_bytes;
  const double kept = static_cast<double>(rule->at("bytes").integer(0)) +
                      rule->at("fraction").number(0, 1) * static_cast<double>(nvidia_smi_bytes);
  return std::max<std::int64_t>(1, nvidia_smi_bytes - static_cast<std::int64_t>(kept));
}

}  // namespace ppplan::spec
