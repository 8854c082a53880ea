// What nvidia-smi prints about the cards of one machine: its default table, or --query-gpu=... --format=csv with any
// columns (names as nvidia-smi writes them in the header, with or without units).
//
// Table: two or three lines a card, of every driver generation seen (418 to 610):
//   |   0  NVIDIA GeForce RTX 4090        Off |   00000000:01:00.0  On |                  Off |
//   | 30%   36C    P8              20W / 450W |     512MiB /  24564MiB |      2%      Default |
// Names that do not fit end in "...". A table tells nothing of PCIe.
//
// CSV without a header: only the columns of the query that ppplan documents, in its order,
//   index,name,memory.total,memory.free,pci.bus_id,pcie.link.gen.current,pcie.link.width.current
// as many of them as there are; two memory columns in another order could not be told apart.
//
// pcie.link.gen.current falls to 1 on an idle card, so pcie.link.gen.max is taken where the query has it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ppplan::spec {

struct SmiCard {
  int index = 0;
  std::string name;                         // as printed, without the "..." of a cut one
  bool name_cut = false;                    // the table had no room for all of it
  std::string bus_id;                       // "00000000:01:00.0", lower case; "" when not told
  std::optional<std::int64_t> total_bytes;  // nvidia-smi's own total, more than CUDA's
  std::optional<std::int64_t> free_bytes;
  std::optional<std::int64_t> used_bytes;
  int pcie_generation = 0;        // 0 = not told
  bool pcie_may_be_idle = false;  // the generation is the current one, which an idle card lowers
  int pcie_lanes = 0;
  int compute_capability = 0;
  bool mig = false;           // cut into instances
  bool memory_error = false;  // ERR! where the memory should stand
  std::string place;          // "line 7", for errors
  bool operator==(const SmiCard&) const = default;
};

/// Cards in PCI bus order (that of nvidia-smi), at most 64. Time and memory are linear in the text. Throws InputError
/// naming `source` and the line when the text is neither form, holds no card, or says things that cannot be.
std::vector<SmiCard> read_nvidia_smi(std::string_view text, const std::string& source);

}  // namespace ppplan::spec
