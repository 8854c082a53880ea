// Kinds of devices, from the catalog or from --gpu-spec: what one card is and how it is attached, before it has a
// place.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "planner/spec/cluster_spec.h"

namespace ppplan::spec {

/// How a card talks to others. Bandwidths are effective, per direction; 0 = the card has no such link.
struct Attachment {
  double nvlink_bytes_per_s = 0;           // into the switch of its node
  double bridge_bytes_per_s = 0;           // to the neighbour of its pair
  double optional_bridge_bytes_per_s = 0;  // what a bridge would give if its owner bought one; not wired
  double pcie_bytes_per_s = 0;
  int pcie_generation = 0;
  int pcie_lanes = 0;
  double memory_bytes_per_s = 0;  // between CPU cores
  bool operator==(const Attachment&) const = default;
};

struct GpuKind {
  Device device;  // without node and paths; free memory = all of it
  Attachment attachment;
  std::int64_t nvidia_smi_bytes = 0;     // nvidia-smi's total; 0 = not known
  std::vector<std::string> reported_as;  // names in nvidia-smi
  std::vector<std::string> called;       // other names that people type
  std::string architecture;              // of AMD cards: "gfx942"; "" otherwise
  std::vector<std::string> assumed;      // groups of figures that nothing confirms: "memory", "rates"
  bool operator==(const GpuKind&) const = default;
};

/// A card of the catalog, also by another name that it is called, in any spelling: "RTX 4090"; throws InputError with
/// the nearest known name. `flag` names the place in the error.
GpuKind catalog_gpu(const std::string& name, const std::string& flag);
/// By name.
const std::map<std::string, GpuKind>& catalog_gpus();
/// 'name:mem=24GiB,bw=936GB/s,bf16=142TFLOPS[,link=pcie4x16|nvlink300GB/s|bridge]'; also fp16, fp8, int8, fp4, cc=8.9.
/// fp16 is taken from bf16 where only that is told, and the other way round. Without link: PCIe 4 x16. What the text
/// leaves out of a card that the catalog knows comes from there.
GpuKind gpu_from_spec(const std::string& text);

/// "rates and memory of cpu-core": what is assumed of a kind, in words; "" when nothing is.
std::string assumed_figures(const GpuKind& kind);

/// Of the catalog: what links that nobody described are assumed to do.
struct LinkDefaults {
  double nvlink_efficiency = 1;
  double nvlink_latency_s = 0;
  double pcie_latency_s = 0;
  double memory_latency_s = 0;
  double socket_bytes_per_s = 0;  // between the CPUs of one node
  double socket_latency_s = 0;
  double network_bytes_per_s = 0;
  double network_latency_s = 0;
};
LinkDefaults link_defaults();

/// NVLink of an architecture: most links of one card, and what one carries each way (the raw rate).
struct NvlinkRate {
  int links = 0;
  double bytes_per_s_per_link = 0;
};
/// Of the newest architecture known that is not newer than this one.
NvlinkRate nvlink_rate(int compute_capability);

/// "4x16" -> effective bytes per second and direction; throws InputError for a generation or width that does not exist.
double pcie_bytes_per_s(const std::string& generation_and_lanes, const std::string& flag);
/// Attaches by PCIe as told: "4x16". Throws InputError likewise.
void set_pcie(Attachment& attachment, const std::string& generation_and_lanes, const std::string& flag);
/// "8.9" -> 89; throws InputError for anything else.
int compute_capability(const std::string& text, const std::string& flag);
/// What CUDA reports of a card whose total in nvidia-smi is this: less what the driver keeps (typical, of the catalog).
std::int64_t cuda_bytes(std::int64_t nvidia_smi_bytes);

}  // namespace ppplan::spec
