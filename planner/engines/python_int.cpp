#include "planner/engines/python_int.h"

#include <algorithm>
#include <iterator>
#include <string>

namespace ppplan::engines {
namespace {

/// Code point of the digit 0 of every script; its nine successors are the digits 1 to 9.
constexpr char32_t zeros[] = {0x30,    0x660,   0x6f0,   0x7c0,   0x966,   0x9e6,   0xa66,   0xae6,   0xb66,   0xbe6,
                              0xc66,   0xce6,   0xd66,   0xde6,   0xe50,   0xed0,   0xf20,   0x1040,  0x1090,  0x17e0,
                              0x1810,  0x1946,  0x19d0,  0x1a80,  0x1a90,  0x1b50,  0x1bb0,  0x1c40,  0x1c50,  0xa620,
                              0xa8d0,  0xa900,  0xa9d0,  0xa9f0,  0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30, 0x11066,
                              0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0,
                              0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2,
                              0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0};

constexpr char32_t invalid = 0xffffffff;
constexpr std::int64_t largest = 1'000'000'000'000'000;
constexpr int most_digits = 4300;

/// The next code point, which is removed from `text`; `invalid` for malformed UTF-8.
char32_t next_code_point(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
  if (length == 0 || length > text.size()) return text.remove_prefix(1), invalid;
  char32_t value = length == 1 ? lead : lead & (0x7fU >> length);
  bool well_formed = true;
  for (std::size_t i = 1; i < length; ++i) {
    well_formed = well_formed && (byte(i) & 0xc0U) == 0x80U;
    value = (value << 6U) | (byte(i) & 0x3fU);
  }
  text.remove_prefix(length);
  const char32_t smallest = length == 3 ? 0x800 : length == 4 ? 0x10000 : 0;
  const bool surrogate = value >= 0xd800 && value < 0xe000;
  return well_formed && value >= smallest && value < 0x110000 && !surrogate ? value : invalid;
}

/// CPython maps blanks beyond ASCII to a space, and within ASCII skips those of C's isspace.
bool is_space(char32_t c) {
  if (c < 0x80) return c == 0x20 || (c >= 0x09 && c <= 0x0d);
  return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
         c == 0x202f || c == 0x205f || c == 0x3000;
}

/// 0 to 9, or -1.
int digit(char32_t c) {
  const auto* const next = std::upper_bound(std::begin(zeros), std::end(zeros), c);
  if (next == std::begin(zeros)) return -1;
  const char32_t offset = c - *std::prev(next);
  return offset < 10 ? static_cast<int>(offset) : -1;
}

std::u32string decoded(std::string_view text) {
  std::u32string out;
  while (!text.empty()) out += next_code_point(text);
  return out;
}

std::u32string_view stripped(std::u32string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// Digits with single underscores between them.
std::optional<std::int64_t> magnitude(std::u32string_view text) {
  std::int64_t value = 0;
  int digits = 0;
  bool after_digit = false;
  for (char32_t c : text) {
    if (c == U'_' && after_digit) {
      after_digit = false;
      continue;
    }
    const int here = digit(c);
    if (here < 0 || ++digits > most_digits) return std::nullopt;
    value = std::min(largest, value * 10 + here);
    after_digit = true;
  }
  if (!after_digit) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::int64_t> python_int(std::string_view text) {
  const std::u32string points = decoded(text);
  std::u32string_view rest = stripped(points);
  const bool signed_text = !rest.empty() && (rest.front() == U'+' || rest.front() == U'-');
  const bool negative = signed_text && rest.front() == U'-';
  if (signed_text) rest.remove_prefix(1);
  const auto value = magnitude(rest);
  if (!value) return std::nullopt;
  return negative ? -*value : *value;
}

}  // namespace ppplan::engines
