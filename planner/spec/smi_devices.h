// Cards that nvidia-smi listed, as kinds of the catalog or of --gpu-spec with the memory and PCIe link they really
// have.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "planner/spec/gpu_kind.h"
#include "planner/spec/nvidia_smi.h"

namespace ppplan::spec {

using GpuKinds = std::map<std::string, GpuKind>;  // by name

struct SmiDevices {
  std::vector<GpuKind> kinds;        // in PCI bus order, each with its own free memory and PCIe rate
  std::vector<std::string> assumed;  // what the output did not tell: "free memory", "PCIe width of rtx4090"
};

/// Names are compared without vendor words, case, blanks and signs; several cards of one name are told apart by their
/// memory, as is a name that the table cut short. Memory is CUDA's total as the catalog has it; a card of another size
/// than the catalog's (ECC switched, modules exchanged) or described by --gpu-spec has nvidia-smi's total less what the
/// driver keeps. Free memory: as told, otherwise memory less what is used.
/// PCIe: as told; a current generation of 1 or 2 below the card's own is taken for idling and replaced by the card's
/// own. Throws InputError naming `source` and the line for a card that neither knows, or that cannot be used.
SmiDevices smi_devices(const std::vector<SmiCard>& cards, const GpuKinds& described, const std::string& source);

/// The kind of one card; throws InputError likewise.
GpuKind smi_kind(const SmiCard& card, const GpuKinds& described, const std::string& source);

}  // namespace ppplan::spec
