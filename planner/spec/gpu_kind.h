// Kinds of devices, from the catalog or from --gpu-spec: what one card is and how it is attached, before it has a
// place.
#pragma once

#include <string>
#include <vector>

#include "planner/spec/cluster_spec.h"

namespace ppplan::spec {

/// How a card talks to others. Bandwidths are effective, per direction; 0 = the card has no such link.
struct Attachment {
  double nvlink_bytes_per_s = 0;  // into the switch of its node
  double bridge_bytes_per_s = 0;  // to the neighbour of its pair
  double pcie_bytes_per_s = 0;
  double memory_bytes_per_s = 0;  // between CPU cores
  bool operator==(const Attachment&) const = default;
};

struct GpuKind {
  Device device;  // without node and paths; free memory = all of it
  Attachment attachment;
  bool assumed = false;  // its rates are a guess (cpu-core)
  bool operator==(const GpuKind&) const = default;
};

/// A card of the catalog; throws InputError with the nearest known name. `flag` names the place in the error.
GpuKind catalog_gpu(const std::string& name, const std::string& flag);
/// 'name:mem=24GiB,bw=936GB/s,bf16=142TFLOPS[,link=pcie4x16|nvlink300GB/s]'; also fp16, fp8, int8, fp4.
/// fp16 is taken from bf16 where only that is told, and the other way round. Without link: PCIe 4 x16.
GpuKind gpu_from_spec(const std::string& text);

/// Of the catalog: what links that nobody described are assumed to do.
struct LinkDefaults {
  double nvlink_latency_s = 0;
  double pcie_latency_s = 0;
  double memory_latency_s = 0;
  double network_bytes_per_s = 0;
  double network_latency_s = 0;
};
LinkDefaults link_defaults();
/// "4x16" -> effective bytes per second and direction; throws InputError for a generation or width that does not exist.
double pcie_bytes_per_s(const std::string& generation_and_width, const std::string& flag);

}  // namespace ppplan::spec
