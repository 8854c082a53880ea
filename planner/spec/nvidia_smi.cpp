#include "planner/spec/nvidia_smi.h"

#include <algorithm>
#include <set>

#include "planner/input/input_error.h"
#include "planner/spec/smi_table.h"

namespace ppplan::spec {
namespace {

using input::InputError;

constexpr std::size_t most_cards = 64;

void check(const SmiCard& card, const std::string& source) {
  if (card.name.empty()) throw InputError(source, card.place, "the name of a card", "none");
  if (card.total_bytes && *card.total_bytes <= 0) throw InputError(source, card.place, "a memory above 0 MiB", "0 MiB");
  for (const auto& part : {card.free_bytes, card.used_bytes})
    if (part && card.total_bytes && *part > *card.total_bytes)
      throw InputError(source, card.place, "no more free or used memory than the card has",
                       std::to_string(*part >> 20) + " of " + std::to_string(*card.total_bytes >> 20) + " MiB");
}

/// The order of nvidia-smi's own numbers is that of the bus; bus ids settle it where the numbers were edited.
void sort_by_bus(std::vector<SmiCard>& cards) {
  const bool placed = std::none_of(cards.begin(), cards.end(), [](const SmiCard& card) { return card.bus_id.empty(); });
  std::stable_sort(cards.begin(), cards.end(), [placed](const SmiCard& a, const SmiCard& b) {
    return placed ? a.bus_id < b.bus_id : a.index < b.index;
  });
}

}  // namespace

std::vector<SmiCard> read_nvidia_smi(std::string_view text, const std::string& source) {
  const std::vector<TextLine> lines = lines_of(text, source);
  std::vector<SmiCard> cards = looks_like_table(lines) ? read_table(lines) : read_csv(lines, source);
  if (cards.empty()) throw InputError(source, "", "the output of nvidia-smi with at least one card", "none");
  if (cards.size() > most_cards)
    throw InputError(source, "", "at most " + std::to_string(most_cards) + " cards", std::to_string(cards.size()));
  std::set<int> numbers;
  std::set<std::string> places;
  for (const SmiCard& card : cards) {
    check(card, source);
    if (!numbers.insert(card.index).second)
      throw InputError(source, card.place, "a number that no other card has", std::to_string(card.index) + " again");
    if (!card.bus_id.empty() && !places.insert(card.bus_id).second)
      throw InputError(source, card.place, "a bus id that no other card has", card.bus_id + " again");
  }
  sort_by_bus(cards);
  return cards;
}

}  // namespace ppplan::spec
