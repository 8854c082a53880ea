// Cards that the user describes: --gpu-spec.
#include <cmath>
#include <map>
#include <set>

#include "planner/input/input_error.h"
#include "planner/spec/flag_text.h"
#include "planner/spec/gpu_kind.h"
#include "planner/spec/read_cluster.h"

namespace ppplan::spec {
namespace {

using input::InputError;
using Fields = std::map<std::string, std::string>;

Fields fields_of(const std::string& text) {
  static const std::set<std::string> known = {"mem", "bw", "bf16", "fp16", "fp8", "int8", "fp4", "link", "cc"};
  Fields fields;
  for (const std::string& item : split(text, ',')) {
    const auto [key, value] = key_and_value(item, "--gpu-spec");
    if (!known.contains(key))
      throw InputError("--gpu-spec", "", "mem, bw, bf16, fp16, fp8, int8, fp4, cc or link", "\"" + key + "\"");
    if (!fields.emplace(key, value).second) throw InputError("--gpu-spec", "", "'" + key + "' once", "it again");
  }
  return fields;
}

/// Whoever writes a rate means what the link delivers, so that it is taken as told. The card still hangs on PCIe.
void set_link(Attachment& out, const std::string& text) {
  const double bridge = out.optional_bridge_bytes_per_s;
  if (text.starts_with("nvlink")) {
    out.nvlink_bytes_per_s = parse_rate(text.substr(6), "--gpu-spec link");
  } else if (text == "bridge" && bridge > 0) {
    out.bridge_bytes_per_s = bridge;
  } else if (text.starts_with("bridge") && text != "bridge") {
    out.bridge_bytes_per_s = parse_rate(text.substr(6), "--gpu-spec link");
  } else if (text.starts_with("pcie")) {
    out.nvlink_bytes_per_s = out.bridge_bytes_per_s = 0;
    set_pcie(out, text.substr(4), "--gpu-spec link");
  } else {
    throw InputError("--gpu-spec link", "",
                     bridge > 0 ? "pcie4x16, bridge or nvlink300GB/s" : "pcie4x16, bridge56GB/s or nvlink300GB/s",
                     "\"" + text + "\"");
  }
}

const std::string& required(const Fields& fields, const std::string& key) {
  const auto found = fields.find(key);
  if (found == fields.end()) throw InputError("--gpu-spec", "", "'" + key + "='", "none");
  return found->second;
}

void set_memory(GpuKind& kind, const Fields& fields) {
  Device& device = kind.device;
  device.memory_bytes = std::llround(parse_bytes(required(fields, "mem"), "--gpu-spec mem"));
  if (device.memory_bytes <= 0)
    throw InputError("--gpu-spec mem", "", "a size above 0", "\"" + fields.at("mem") + "\"");
  device.free_bytes = device.memory_bytes;
  std::erase(kind.assumed, "memory");
}

void set_rates(Device& device, const Fields& fields) {
  const auto told = [&](const std::string& key, double otherwise) {
    const auto found = fields.find(key);
    return found == fields.end() ? otherwise : parse_flops(found->second, "--gpu-spec " + key);
  };
  if (fields.contains("bf16") || fields.contains("fp16")) {
    device.bf16_flops_per_s = told("bf16", told("fp16", 0));
    device.fp16_flops_per_s = told("fp16", device.bf16_flops_per_s);
  }
  device.fp8_flops_per_s = told("fp8", device.fp8_flops_per_s);
  device.int8_flops_per_s = told("int8", device.int8_flops_per_s);
  device.fp4_flops_per_s = told("fp4", device.fp4_flops_per_s);
}

}  // namespace

GpuKind gpu_from_spec(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos || colon == 0)
    throw InputError("--gpu-spec", "", "'name:mem=24GiB,bw=936GB/s,bf16=142TFLOPS'", "\"" + text + "\"");
  const std::string name = text.substr(0, colon);
  const Fields fields = fields_of(text.substr(colon + 1));
  const auto known = catalog_gpus().find(name);
  const bool described = known == catalog_gpus().end();
  GpuKind kind = described ? GpuKind{} : known->second;
  kind.device.name = name;
  if (described) {
    set_pcie(kind.attachment, "4x16", "--gpu-spec link");
    if (!fields.contains("fp16")) required(fields, "bf16");
  }
  if (described || fields.contains("mem")) set_memory(kind, fields);
  if (described || fields.contains("bw"))
    kind.device.memory_bytes_per_s = parse_rate(required(fields, "bw"), "--gpu-spec bw");
  set_rates(kind.device, fields);
  if (fields.contains("cc")) kind.device.compute_capability = compute_capability(fields.at("cc"), "--gpu-spec cc");
  if (fields.contains("link")) set_link(kind.attachment, fields.at("link"));
  return kind;
}

}  // namespace ppplan::spec
