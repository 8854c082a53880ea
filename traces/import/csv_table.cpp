#include "traces/import/csv_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "planner/input/document.h"
#include "planner/input/input_error.h"

namespace ppplan::traces {
namespace {

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0;;) {
    const std::size_t comma = line.find(',', at);
    out.push_back(line.substr(at, comma - at));
    if (comma == std::string_view::npos) return out;
    at = comma + 1;
  }
}

std::string line_name(std::size_t number) {
  std::string out = "line ";
  return out += std::to_string(number);
}

std::string in_quotes(std::string_view text) {
  std::string out = "'";
  return out.append(text).append("'");
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  constexpr std::size_t longest = 200;
  return out.size() > longest ? out.substr(0, longest) + "..." : out;
}

std::optional<double> parsed(std::string_view field) {
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc() || end != field.data() + field.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace

CsvTable::CsvTable(std::string text, std::string source)
    : text_(std::make_shared<const std::string>(std::move(text))), source_(std::move(source)) {
  std::string_view rest = *text_;
  while (!rest.empty() && (rest.back() == '\n' || rest.back() == '\r')) rest.remove_suffix(1);
  for (std::size_t line_number = 1; !rest.empty(); ++line_number) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line_number == 1) {
      read_header(line);
    } else {
      read_row(line, line_number);
    }
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  if (columns_.empty()) throw input::InputError(source_, "", "a header and rows", "an empty file");
  if (fields_.empty()) throw input::InputError(source_, "", "rows after the header", "none");
}

void CsvTable::read_header(std::string_view line) {
  if (line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);  // byte order mark, as spreadsheets write it
  for (std::string_view name : split(line)) {
    // Data frames are written with a nameless index in front.
    if (name.empty() && !columns_.empty())
      throw input::InputError(source_, "line 1", "a name for every column", "none");
    if (find(name)) throw input::InputError(source_, "line 1", "each column once", in_quotes(name) + " twice");
    columns_.emplace_back(name);
  }
}

void CsvTable::read_row(std::string_view line, std::size_t line_number) {
  const std::vector<std::string_view> fields = split(line);
  if (fields.size() != columns_.size())
    throw input::InputError(source_, line_name(line_number), std::to_string(columns_.size()) + " fields",
                            line.empty() ? "an empty line" : std::to_string(fields.size()));
  fields_.insert(fields_.end(), fields.begin(), fields.end());
}

std::optional<std::size_t> CsvTable::find(std::string_view name) const {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  if (found == columns_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns_.begin());
}

std::size_t CsvTable::column(std::string_view name) const {
  if (const auto found = find(name)) return *found;
  throw input::InputError(source_, "line 1", std::string("a column ").append(in_quotes(name)), listed(columns_));
}

double CsvTable::not_negative(std::size_t row, std::size_t column) const {
  const auto value = parsed(text(row, column));
  if (!value || *value < 0) fail(row, column, "a number that is not negative");
  return *value;
}

double CsvTable::positive(std::size_t row, std::size_t column) const {
  const auto value = parsed(text(row, column));
  if (!value || *value <= 0) fail(row, column, "a number above 0");
  return *value;
}

std::int64_t CsvTable::whole(std::size_t row, std::size_t column, std::int64_t low) const {
  const auto value = parsed(text(row, column));
  constexpr double largest = 9e15;
  if (!value || *value != std::floor(*value) || *value > largest || *value < static_cast<double>(low))
    fail(row, column, "a whole number of at least " + std::to_string(low));
  return static_cast<std::int64_t>(*value);
}

void CsvTable::fail(std::size_t row, std::size_t column, const std::string& expected) const {
  const std::string_view found = text(row, column);
  throw input::InputError(source_, line_name(row + 2) + ", column " + in_quotes(columns_[column]), expected,
                          found.empty() ? "nothing" : in_quotes(found.substr(0, 40)));
}

CsvTable read_csv(const std::string& path) { return CsvTable(input::read_text(path), path); }

}  // namespace ppplan::traces
