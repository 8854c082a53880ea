// Text that programs print, cut into lines and words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ppplan::spec {

struct TextLine {
  int number = 0;  // from 1
  std::string text;
};

/// Lines without their ends, escape sequences of terminals and other control characters; tabs become blanks. Throws
/// InputError when the text has more than 4 MiB or 100,000 lines, or a line more than 64 KiB.
std::vector<TextLine> lines_of(std::string_view text, const std::string& source);
/// Without blanks at both ends.
std::string trimmed(std::string_view text);
/// Runs of anything but blanks.
std::vector<std::string> words(std::string_view text);
/// Decimal digits only, at most `high`; nothing otherwise.
std::optional<std::int64_t> digits(std::string_view text, std::int64_t high);
std::string lower(std::string_view text);
/// "line 7".
std::string line_place(int number);

}  // namespace ppplan::spec
