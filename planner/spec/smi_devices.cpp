#include "planner/spec/smi_devices.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "planner/catalog/catalog.h"
#include "planner/input/input_error.h"
#include "planner/spec/flag_text.h"
#include "planner/spec/read_cluster.h"
#include "planner/spec/text_lines.h"

namespace ppplan::spec {
namespace {

using input::InputError;

constexpr std::int64_t mebi = 1LL << 20;
constexpr int idle_generation = 2;  // idle links fall to 1, on some boards to 2

std::vector<std::string> vendor_words() {
  std::vector<std::string> out;
  if (const auto words = catalog::gpus().root().find("vendor_words"))
    for (const input::Node& item : words->items()) out.push_back(item.text());
  return out;
}

/// "NVIDIA GeForce RTX 4090" -> "rtx4090".
std::string plain(const std::string& name) {
  static const std::vector<std::string> dropped = vendor_words();
  std::string spaced = lower(name);
  for (char& c : spaced)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) c = ' ';
  std::string out;
  for (const std::string& word : words(spaced))
    if (std::find(dropped.begin(), dropped.end(), word) == dropped.end()) out += word;
  return out;
}

bool starts_with_name(const std::string& whole, const SmiCard& card) {
  const auto without_maker = [](const std::string& text) {
    const std::string small = lower(text);
    return small.starts_with("nvidia ") ? small.substr(7) : small;
  };
  return without_maker(whole).starts_with(without_maker(card.name));
}

bool is_named(const GpuKind& kind, const SmiCard& card) {
  const auto fits = [&](const std::string& name) {
    return card.name_cut ? starts_with_name(name, card) : plain(name) == plain(card.name);
  };
  if (!card.name_cut && fits(kind.device.name)) return true;
  return std::any_of(kind.reported_as.begin(), kind.reported_as.end(), fits);
}

std::vector<const GpuKind*> named(const GpuKinds& kinds, const SmiCard& card) {
  std::vector<const GpuKind*> out;
  for (const auto& [name, kind] : kinds)
    if (is_named(kind, card)) out.push_back(&kind);
  return out;
}

std::string list_of(const std::vector<const GpuKind*>& kinds) {
  std::string out;
  for (const GpuKind* kind : kinds) out += (out.empty() ? "" : ", ") + kind->device.name;
  return out;
}

std::int64_t distance(const GpuKind& kind, std::int64_t total) { return std::abs(kind.nvidia_smi_bytes - total); }

/// A whole name leaves cards that differ in memory alone. A cut one may hide the rest of the name, so that only a total
/// that is that of one candidate to the MiB, or far from all others, decides.
const GpuKind* by_memory(std::vector<const GpuKind*> kinds, const SmiCard& card) {
  if (kinds.size() == 1) return kinds[0];
  if (!card.total_bytes) return nullptr;
  const std::int64_t total = *card.total_bytes;
  std::sort(kinds.begin(), kinds.end(),
            [total](const GpuKind* a, const GpuKind* b) { return distance(*a, total) < distance(*b, total); });
  const std::int64_t best = distance(*kinds[0], total);
  const std::int64_t second = distance(*kinds[1], total);
  const bool exact = best <= mebi && second > mebi;
  const bool alone = best <= total / 33 && second >= total / 10;
  const bool nearest = !card.name_cut && best < second;
  return exact || alone || nearest ? kinds[0] : nullptr;
}

[[noreturn]] void refuse_unknown(const SmiCard& card, const std::string& source) {
  const std::string name = plain(card.name).empty() ? "card" : plain(card.name);
  throw InputError(
      source, card.place,
      "a card that the catalog knows or --gpu-spec '" + name + ":mem=24GiB,bw=936GB/s,bf16=142TFLOPS' describes",
      quoted_with_hint(card.name + (card.name_cut ? "..." : ""), known_gpus()));
}

[[noreturn]] void refuse_ambiguous(const SmiCard& card, const std::vector<const GpuKind*>& kinds,
                                   const std::string& source) {
  throw InputError(source, card.place,
                   "a name that fits one card (nvidia-smi --query-gpu=index,name,memory.total,memory.free --format=csv "
                   "prints it whole)",
                   "\"" + card.name + (card.name_cut ? "..." : "") + "\", which may be " + list_of(kinds));
}

/// Memory as CUDA has it, of this very card.
void set_memory(GpuKind& kind, const SmiCard& card, bool described) {
  Device& device = kind.device;
  if (card.total_bytes) {
    const std::int64_t total = *card.total_bytes;
    const bool other_size = kind.nvidia_smi_bytes <= 0 || distance(kind, total) > total / 66;
    if (described || other_size) {
      device.memory_bytes = cuda_bytes(total);
      if (std::find(kind.assumed.begin(), kind.assumed.end(), "memory") == kind.assumed.end())
        kind.assumed.emplace_back("memory");
    }
  }
  if (card.free_bytes)
    device.free_bytes = std::min(*card.free_bytes, device.memory_bytes);
  else
    device.free_bytes = std::max<std::int64_t>(0, device.memory_bytes - card.used_bytes.value_or(0));
}

void note(std::vector<std::string>& assumed, const std::string& what) {
  if (std::find(assumed.begin(), assumed.end(), what) == assumed.end()) assumed.push_back(what);
}

void set_link(GpuKind& kind, const SmiCard& card, std::vector<std::string>& assumed, const std::string& source) {
  Attachment& link = kind.attachment;
  if (link.pcie_bytes_per_s <= 0) return;
  const bool idle =
      card.pcie_may_be_idle && card.pcie_generation <= idle_generation && card.pcie_generation < link.pcie_generation;
  const bool told = card.pcie_generation > 0 && !idle;
  if (!told) note(assumed, "PCIe generation of " + kind.device.name);
  if (card.pcie_lanes <= 0) note(assumed, "PCIe width of " + kind.device.name);
  const int generation = told ? card.pcie_generation : link.pcie_generation;
  const int lanes = card.pcie_lanes > 0 ? card.pcie_lanes : link.pcie_lanes;
  set_pcie(link, std::to_string(generation) + "x" + std::to_string(lanes), source + ": " + card.place);
}

void check_usable(const SmiCard& card, const std::string& source) {
  if (card.mig)
    throw InputError(source, card.place, "a whole card (MIG instances are not modelled)",
                     "\"" + card.name + "\" cut into MIG instances");
  if (card.memory_error)
    throw InputError(source, card.place, "the memory of a card that works", "ERR! for \"" + card.name + "\"");
}

}  // namespace

GpuKind smi_kind(const SmiCard& card, const GpuKinds& described, const std::string& source) {
  for (const bool own : {true, false}) {
    const auto kinds = named(own ? described : catalog_gpus(), card);
    if (kinds.empty()) continue;
    const GpuKind* const found = by_memory(kinds, card);
    if (!found) refuse_ambiguous(card, kinds, source);
    GpuKind kind = *found;
    set_memory(kind, card, own);
    if (card.compute_capability > 0) kind.device.compute_capability = card.compute_capability;
    return kind;
  }
  refuse_unknown(card, source);
}

SmiDevices smi_devices(const std::vector<SmiCard>& cards, const GpuKinds& described, const std::string& source) {
  SmiDevices out;
  for (const SmiCard& card : cards) {
    check_usable(card, source);
    out.kinds.push_back(smi_kind(card, described, source));
    set_link(out.kinds.back(), card, out.assumed, source);
    if (!card.free_bytes && !card.used_bytes) note(out.assumed, "free memory");
  }
  return out;
}

}  // namespace ppplan::spec
