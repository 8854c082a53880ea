// The default table of nvidia-smi.
#include "planner/spec/smi_table.h"

#include <algorithm>

#include "planner/input/input_error.h"
#include "planner/spec/flag_text.h"

namespace ppplan::spec {
namespace {

using input::InputError;

constexpr std::int64_t mebi = 1LL << 20;
constexpr std::int64_t most_mib = 1LL << 30;

/// What stands between the bars, trimmed; nothing for a line that is no row. A quoted table ("> |  0 ...") counts.
std::vector<std::string> cells(const std::string& line) {
  const auto first = line.find('|');
  if (first == std::string::npos || line.find_first_not_of(" >") != first) return {};
  std::vector<std::string> out;
  for (const std::string& cell : split(line.substr(first + 1), '|')) out.push_back(trimmed(cell));
  if (out.size() > 1 && out.back().empty()) out.pop_back();
  return out;
}

bool all_hex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

/// "24564MiB" -> bytes.
std::optional<std::int64_t> mib(const std::string& word) {
  if (!word.ends_with("MiB")) return std::nullopt;
  const auto count = digits(std::string_view(word).substr(0, word.size() - 3), most_mib);
  return count ? std::optional(*count * mebi) : std::nullopt;
}

/// "512MiB / 24564MiB", or what stands there instead.
void read_memory(const std::string& cell, SmiCard& card) {
  const std::vector<std::string> parts = words(cell);
  for (std::size_t i = 0; i + 2 < parts.size(); ++i) {
    if (parts[i + 1] != "/") continue;
    const auto used = mib(parts[i]);
    const auto total = mib(parts[i + 2]);
    if (used && total) {
      card.used_bytes = used;
      card.total_bytes = total;
    }
  }
}

/// Words after the name: persistence mode or, on Windows, the driver model.
bool is_mode(const std::string& word) {
  for (const char* mode : {"On", "Off", "N/A", "WDDM", "TCC", "MCDM", "ERR!"})
    if (word == mode) return true;
  return false;
}

/// "0  NVIDIA GeForce RTX 3090  Off", cut or not; false when the cell is something else.
bool read_name(const std::string& cell, SmiCard& card) {
  std::vector<std::string> parts = words(cell);
  if (parts.size() < 2) return false;
  const auto index = digits(parts[0], 9999);
  if (!index) return false;
  if (parts.size() > 2 && is_mode(parts.back())) parts.pop_back();
  card.index = static_cast<int>(*index);
  for (std::size_t i = 1; i < parts.size(); ++i) card.name += (i > 1 ? " " : "") + parts[i];
  if (!card.name.ends_with("...")) return true;
  card.name_cut = true;
  card.name = trimmed(std::string_view(card.name).substr(0, card.name.size() - 3));
  return true;
}

/// The first line of a card: its name in the first cell, its bus id in the second.
std::optional<SmiCard> first_row(const std::vector<std::string>& row, int line) {
  if (row.size() < 2) return std::nullopt;
  const std::vector<std::string> place = words(row[1]);
  if (place.empty() || !is_bus_id(place[0])) return std::nullopt;
  SmiCard card;
  if (!read_name(row[0], card)) return std::nullopt;
  card.bus_id = lower(place[0]);
  card.place = line_place(line);
  for (std::size_t i = 2; i < row.size(); ++i) read_memory(row[i], card);
  return card;
}

/// Further lines of a card: memory in the second cell, MIG mode in the last.
void next_row(const std::vector<std::string>& row, SmiCard& card) {
  if (row.size() < 2) return;
  if (!card.total_bytes) {
    read_memory(row[1], card);
    if (!card.total_bytes && row[1].find("ERR!") != std::string::npos) card.memory_error = true;
  }
  if (row.back() == "Enabled" || row.back() == "Enabled*") card.mig = true;
}

}  // namespace

bool is_bus_id(std::string_view text) {
  const auto colon = text.find(':');
  const bool domain = colon == 4 || colon == 8;
  if (!domain || text.size() != colon + 8) return false;
  return all_hex(text.substr(0, colon)) && all_hex(text.substr(colon + 1, 2)) && text[colon + 3] == ':' &&
         all_hex(text.substr(colon + 4, 2)) && text[colon + 6] == '.' && all_hex(text.substr(colon + 7));
}

bool looks_like_table(const std::vector<TextLine>& lines) {
  return std::any_of(lines.begin(), lines.end(), [](const TextLine& line) {
    return line.text.find("NVIDIA-SMI") != std::string::npos || first_row(cells(line.text), line.number);
  });
}

std::vector<SmiCard> read_table(const std::vector<TextLine>& lines) {
  std::vector<SmiCard> cards;
  bool below_cards = false;  // lists of MIG instances and processes follow the cards
  for (const TextLine& line : lines) {
    const std::vector<std::string> row = cells(line.text);
    if (row.empty()) continue;
    if (auto card = first_row(row, line.number)) {
      cards.push_back(std::move(*card));
      below_cards = false;
    } else if (row[0].starts_with("MIG devices") || row[0].starts_with("Processes")) {
      below_cards = true;
    } else if (!cards.empty() && !below_cards) {
      next_row(row, cards.back());
    }
  }
  return cards;
}

}  // namespace ppplan::spec
