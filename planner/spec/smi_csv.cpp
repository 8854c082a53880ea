// --query-gpu=... --format=csv of nvidia-smi.
#include <algorithm>
#include <array>

#include "planner/input/input_error.h"
#include "planner/spec/flag_text.h"
#include "planner/spec/gpu_kind.h"
#include "planner/spec/smi_table.h"

namespace ppplan::spec {
namespace {

using input::InputError;

constexpr std::int64_t mebi = 1LL << 20;
constexpr std::int64_t most_mib = 1LL << 30;

enum class Column {
  ignored,
  index,
  name,
  bus_id,
  total,
  free,
  used,
  generation,
  newest_generation,
  lanes,
  most_lanes,
  capability,
  mig
};

struct ColumnName {
  std::string_view name;
  Column column;
};

constexpr ColumnName column_names[] = {
    {"index", Column::index},
    {"name", Column::name},
    {"gpu_name", Column::name},
    {"pci.bus_id", Column::bus_id},
    {"gpu_bus_id", Column::bus_id},
    {"memory.total", Column::total},
    {"memory.free", Column::free},
    {"memory.used", Column::used},
    {"pcie.link.gen.current", Column::generation},
    {"pcie.link.gen.gpucurrent", Column::generation},
    {"pcie.link.gen.max", Column::newest_generation},
    {"pcie.link.width.current", Column::lanes},
    {"pcie.link.width.max", Column::most_lanes},
    {"compute_cap", Column::capability},
    {"mig.mode.current", Column::mig},
};

constexpr std::array documented = {Column::index,  Column::name,       Column::total, Column::free,
                                   Column::bus_id, Column::generation, Column::lanes};

/// "memory.total [MiB]" -> memory.total.
Column column_named(const std::string& cell) {
  const std::string name = lower(trimmed(cell.substr(0, cell.find('['))));
  for (const ColumnName& known : column_names)
    if (known.name == name) return known.column;
  return Column::ignored;
}

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> out;
  for (const std::string& cell : split(line, ',')) {
    std::string text = trimmed(cell);
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
    out.push_back(std::move(text));
  }
  return out;
}

/// Empty lines and the fences of pasted text; the command itself may stand above the header.
bool is_decoration(const std::string& line) {
  const std::string text = trimmed(line);
  return text.empty() || text.starts_with("```");
}

bool is_missing(const std::string& cell) {
  const std::string text = lower(cell);
  return text.empty() || text.starts_with("[") || text == "n/a" || text.starts_with("not supported") ||
         text.starts_with("err") || text == "unknown error";
}

class Row {
 public:
  Row(const std::string& source, int line) : source_(source) { card_.place = line_place(line); }

  void set(Column column, const std::string& cell) {
    if (column == Column::ignored) return;
    if (column == Column::total && lower(cell).find("err") != std::string::npos) card_.memory_error = true;
    if (is_missing(cell)) return;
    switch (column) {
      case Column::index:
        card_.index = number(cell, 9999, "a card's number");
        break;
      case Column::name:
        card_.name = cell;
        break;
      case Column::bus_id:
        if (!is_bus_id(cell)) fail("a bus id such as 00000000:01:00.0", cell);
        card_.bus_id = lower(cell);
        break;
      case Column::capability:
        card_.compute_capability = compute_capability(cell, source_ + ": " + card_.place);
        break;
      case Column::mig:
        card_.mig = cell == "Enabled";
        break;
      case Column::ignored:
        break;
      default:
        set_amount(column, cell);
    }
  }

  SmiCard card() const {
    SmiCard out = card_;
    if (newest_generation_ > 0) {
      out.pcie_generation = newest_generation_;
      out.pcie_may_be_idle = false;
    }
    if (out.pcie_lanes == 0) out.pcie_lanes = most_lanes_;
    return out;
  }

 private:
  void set_amount(Column column, const std::string& cell) {
    if (column == Column::total) card_.total_bytes = memory(cell);
    if (column == Column::free) card_.free_bytes = memory(cell);
    if (column == Column::used) card_.used_bytes = memory(cell);
    if (column == Column::generation) {
      card_.pcie_generation = number(cell, 9, "a PCIe generation");
      card_.pcie_may_be_idle = true;
    }
    if (column == Column::newest_generation) newest_generation_ = number(cell, 9, "a PCIe generation");
    if (column == Column::lanes) card_.pcie_lanes = number(cell, 32, "a PCIe width");
    if (column == Column::most_lanes) most_lanes_ = number(cell, 32, "a PCIe width");
  }

  /// "24564 MiB", or without the unit.
  std::int64_t memory(const std::string& cell) {
    const std::string figure = cell.ends_with("MiB") ? trimmed(cell.substr(0, cell.size() - 3)) : cell;
    const auto count = digits(figure, most_mib);
    if (!count) fail("MiB such as 24564 MiB", cell);
    return *count * mebi;
  }

  int number(const std::string& cell, int high, const std::string& expected) {
    const auto value = digits(cell, high);
    if (!value) fail(expected, cell);
    return static_cast<int>(*value);
  }

  [[noreturn]] void fail(const std::string& expected, const std::string& found) const {
    throw InputError(source_, card_.place, expected, "\"" + found + "\"");
  }

  const std::string& source_;
  SmiCard card_;
  int newest_generation_ = 0;
  int most_lanes_ = 0;
};

std::vector<Column> header(const std::vector<std::string>& row) {
  std::vector<Column> columns;
  for (const std::string& cell : row) columns.push_back(column_named(cell));
  const bool any = std::any_of(columns.begin(), columns.end(), [](Column c) { return c != Column::ignored; });
  return any ? columns : std::vector<Column>();
}

void check_header(const std::vector<Column>& columns, const TextLine& line, const std::string& source) {
  for (std::size_t i = 0; i < columns.size(); ++i)
    for (std::size_t j = i + 1; j < std::min<std::size_t>(columns.size(), 64); ++j)
      if (columns[i] == columns[j] && columns[i] != Column::ignored)
        throw InputError(source, line_place(line.number), "every column once", "\"" + line.text + "\"");
  if (std::find(columns.begin(), columns.end(), Column::name) == columns.end())
    throw InputError(source, line_place(line.number), "a column 'name'", "\"" + line.text + "\"");
}

/// Without a header only the documented columns, as many of them as there are.
std::vector<Column> columns_without_header(const std::vector<std::string>& row, const TextLine& line,
                                           const std::string& source) {
  const bool named = row.size() >= 2 && digits(row[0], 9999) && !digits(row[1], most_mib);
  const bool placed = row.size() < 5 || is_bus_id(row[4]);
  if (!named || !placed || row.size() > documented.size())
    throw InputError(source, line_place(line.number),
                     "nvidia-smi's table, csv with a header, or without one the columns index,name,memory.total,"
                     "memory.free,pci.bus_id,pcie.link.gen.current,pcie.link.width.current",
                     "\"" + line.text.substr(0, 120) + "\"");
  return {documented.begin(), documented.begin() + static_cast<std::ptrdiff_t>(row.size())};
}

}  // namespace

std::vector<SmiCard> read_csv(const std::vector<TextLine>& lines, const std::string& source) {
  std::vector<SmiCard> cards;
  std::vector<Column> columns;
  for (const TextLine& line : lines) {
    if (is_decoration(line.text) || (columns.empty() && line.text.find("nvidia-smi") != std::string::npos)) continue;
    const std::vector<std::string> row = cells(line.text);
    if (columns.empty()) {
      columns = header(row);
      if (!columns.empty()) {
        check_header(columns, line, source);
        continue;
      }
      columns = columns_without_header(row, line, source);
    }
    if (row.size() != columns.size())
      throw InputError(source, line_place(line.number), std::to_string(columns.size()) + " columns",
                       std::to_string(row.size()));
    Row card(source, line.number);
    for (std::size_t i = 0; i < row.size(); ++i) card.set(columns[i], row[i]);
    cards.push_back(card.card());
    if (std::find(columns.begin(), columns.end(), Column::index) == columns.end())
      cards.back().index = static_cast<int>(cards.size()) - 1;
    if (cards.size() > 1024) break;  // refused by the caller, which needs no more of them
  }
  return cards;
}

}  // namespace ppplan::spec
