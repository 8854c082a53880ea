// Comma-separated tables with a header line, read with every value checked: errors name the file, the line and the
// column.
//
// Fields are plain: no quotes, no commas inside. Lines end in LF or CRLF; a last line without one counts.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ppplan::traces {

class CsvTable {
 public:
  /// Throws InputError: an empty text, a header with an empty or doubled name, no rows, a row whose fields aren't as
  /// many as the header's (a line that was cut short), an empty line before the end.
  CsvTable(std::string text, std::string source);

  const std::string& source() const { return source_; }
  std::size_t rows() const { return fields_.size() / columns_.size(); }
  const std::vector<std::string>& columns() const { return columns_; }
  bool has(std::string_view column) const { return find(column).has_value(); }
  /// Index of a column; throws InputError naming the columns that there are.
  std::size_t column(std::string_view name) const;

  std::string_view text(std::size_t row, std::size_t column) const { return fields_[row * columns_.size() + column]; }
  /// A finite number of at least 0; throws InputError.
  double not_negative(std::size_t row, std::size_t column) const;
  /// A finite number above 0; throws InputError.
  double positive(std::size_t row, std::size_t column) const;
  std::int64_t whole(std::size_t row, std::size_t column, std::int64_t low) const;
  [[noreturn]] void fail(std::size_t row, std::size_t column, const std::string& expected) const;

 private:
  std::optional<std::size_t> find(std::string_view name) const;
  void read_header(std::string_view line);
  void read_row(std::string_view line, std::size_t line_number);

  std::shared_ptr<const std::string> text_;  // shared, so that copies of the table keep their fields
  std::string source_;
  std::vector<std::string> columns_;
  std::vector<std::string_view> fields_;  // of all rows, into text_
};

/// Throws InputError when the file can't be read, and as the constructor does.
CsvTable read_csv(const std::string& path);

}  // namespace ppplan::traces
