#include "planner/spec/gpu_kind.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "planner/catalog/catalog.h"
#include "planner/input/document.h"
#include "planner/input/input_error.h"
#include "planner/spec/fields.h"
#include "planner/spec/flag_text.h"
#include "planner/spec/read_cluster.h"

namespace ppplan::spec {
namespace {

using input::InputError;
using input::Node;

Node link_rules() { return catalog::gpus().root().at("links"); }

double number_or_zero(const Node& node, const std::string& key) {
  const auto found = node.find(key);
  return found ? found->number(0) : 0;
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
  out.memory_bytes_per_s = number_or_zero(node, "memory_bytes_per_s");
  if (const auto pcie = node.find("pcie")) out.pcie_bytes_per_s = pcie_bytes_per_s(pcie->text(), pcie->pointer());
  return out;
}

GpuKind kind_from(const Node& node) {
  GpuKind kind;
  kind.device = device_from(node);
  kind.attachment = attachment_from(node.at("link"));
  if (const auto assumed = node.find("assumed")) kind.assumed = assumed->boolean();
  return kind;
}

using Fields = std::map<std::string, std::string>;

Fields fields_of(const std::string& text) {
  static const std::set<std::string> known = {"mem", "bw", "bf16", "fp16", "fp8", "int8", "fp4", "link"};
  Fields fields;
  for (const std::string& item : split(text, ',')) {
    const auto [key, value] = key_and_value(item, "--gpu-spec");
    if (!known.contains(key))
      throw InputError("--gpu-spec", "", "mem, bw, bf16, fp16, fp8, int8, fp4 or link", "\"" + key + "\"");
    if (!fields.emplace(key, value).second) throw InputError("--gpu-spec", "", "'" + key + "' once", "it again");
  }
  return fields;
}

double flops_of(const Fields& fields, const std::string& key, double otherwise) {
  const auto found = fields.find(key);
  return found == fields.end() ? otherwise : parse_flops(found->second, "--gpu-spec " + key);
}

Attachment attachment_from_text(const std::string& text) {
  Attachment out;
  if (text.starts_with("nvlink")) {
    // As told: whoever writes a rate means what the link delivers. The card still hangs on PCIe.
    out.nvlink_bytes_per_s = parse_rate(text.substr(6), "--gpu-spec link");
    out.pcie_bytes_per_s = pcie_bytes_per_s("4x16", "--gpu-spec link");
  } else if (text.starts_with("pcie")) {
    out.pcie_bytes_per_s = pcie_bytes_per_s(text.substr(4), "--gpu-spec link");
  } else {
    throw InputError("--gpu-spec link", "", "pcie4x16 or nvlink300GB/s", "\"" + text + "\"");
  }
  return out;
}

const std::string& required(const Fields& fields, const std::string& key) {
  const auto found = fields.find(key);
  if (found == fields.end()) throw InputError("--gpu-spec", "", "'" + key + "='", "none");
  return found->second;
}

}  // namespace

std::vector<std::string> known_gpus() {
  std::vector<std::string> names;
  for (const Node& gpu : catalog::gpus().root().at("gpus").items()) names.push_back(gpu.at("name").text());
  std::sort(names.begin(), names.end());
  return names;
}

GpuKind catalog_gpu(const std::string& name, const std::string& flag) {
  for (const Node& gpu : catalog::gpus().root().at("gpus").items())
    if (gpu.at("name").text() == name) return kind_from(gpu);
  throw InputError(flag, "", "a GPU that the catalog knows or --gpu-spec describes",
                   quoted_with_hint(name, known_gpus()));
}

GpuKind gpu_from_spec(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos || colon == 0)
    throw InputError("--gpu-spec", "", "'name:mem=24GiB,bw=936GB/s,bf16=142TFLOPS'", "\"" + text + "\"");
  const Fields fields = fields_of(text.substr(colon + 1));
  GpuKind kind;
  Device& device = kind.device;
  device.name = text.substr(0, colon);
  device.memory_bytes = std::llround(parse_bytes(required(fields, "mem"), "--gpu-spec mem"));
  if (device.memory_bytes <= 0)
    throw InputError("--gpu-spec mem", "", "a size above 0", "\"" + fields.at("mem") + "\"");
  device.free_bytes = device.memory_bytes;
  device.memory_bytes_per_s = parse_rate(required(fields, "bw"), "--gpu-spec bw");
  device.bf16_flops_per_s = flops_of(fields, "bf16", flops_of(fields, "fp16", 0));
  device.fp16_flops_per_s = flops_of(fields, "fp16", device.bf16_flops_per_s);
  if (device.bf16_flops_per_s <= 0) required(fields, "bf16");
  device.fp8_flops_per_s = flops_of(fields, "fp8", 0);
  device.int8_flops_per_s = flops_of(fields, "int8", 0);
  device.fp4_flops_per_s = flops_of(fields, "fp4", 0);
  const auto link = fields.find("link");
  kind.attachment = attachment_from_text(link == fields.end() ? "pcie4x16" : link->second);
  return kind;
}

LinkDefaults link_defaults() {
  const Node rules = link_rules();
  LinkDefaults out;
  out.nvlink_latency_s = rules.at("nvlink_latency_s").number(0);
  out.pcie_latency_s = rules.at("pcie_latency_s").number(0);
  out.memory_latency_s = rules.at("memory_latency_s").number(0);
  out.network_bytes_per_s = rules.at("network_bytes_per_s").number(1);
  out.network_latency_s = rules.at("network_latency_s").number(0);
  return out;
}

double pcie_bytes_per_s(const std::string& generation_and_width, const std::string& flag) {
  static const std::set<std::string> widths = {"1", "2", "4", "8", "16", "32"};
  const Node rules = link_rules();
  const Node lanes = rules.at("pcie_bytes_per_s_per_lane");
  const auto x = generation_and_width.find('x');
  if (x != std::string::npos && widths.contains(generation_and_width.substr(x + 1)))
    if (const auto lane = lanes.find(generation_and_width.substr(0, x)))
      return lane->number(1) * std::stod(generation_and_width.substr(x + 1)) * rules.at("pcie_efficiency").number(0, 1);
  throw InputError(flag, "", "a PCIe generation from 3 to 6 and a width, such as 4x16",
                   "\"" + generation_and_width + "\"");
}

}  // namespace ppplan::spec
