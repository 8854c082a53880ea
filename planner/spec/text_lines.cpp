#include "planner/spec/text_lines.h"

#include <algorithm>
#include <charconv>

#include "planner/input/input_error.h"

namespace ppplan::spec {
namespace {

constexpr std::size_t most_bytes = 4U << 20;
constexpr std::size_t most_lines = 100'000;
constexpr std::size_t longest_line = 64U << 10;

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Position after an escape sequence that starts at `at`: ESC [ parameters letter, or ESC and one character.
std::size_t after_escape(std::string_view text, std::size_t at) {
  std::size_t next = at + 1;
  if (next >= text.size() || text[next] != '[') return std::min(next + 1, text.size());
  do ++next;
  while (next < text.size() && (text[next] < '@' || text[next] > '~') && text[next] != '\n');
  return next < text.size() && text[next] != '\n' ? next + 1 : next;
}

}  // namespace

std::vector<TextLine> lines_of(std::string_view text, const std::string& source) {
  if (text.size() > most_bytes)
    throw input::InputError(source, "", "at most 4 MiB of text", std::to_string(text.size()) + " bytes");
  std::vector<TextLine> lines = {{1, ""}};
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    std::string& line = lines.back().text;
    if (c == '\x1b') {
      at = after_escape(text, at);
      continue;
    }
    ++at;
    if (c == '\n') {
      if (lines.size() == most_lines)
        throw input::InputError(source, "", "at most " + std::to_string(most_lines) + " lines", "more");
      lines.push_back({lines.back().number + 1, ""});
      continue;
    }
    if (c == '\t') line += ' ';
    if (static_cast<unsigned char>(c) >= ' ') line += c;
    if (line.size() > longest_line)
      throw input::InputError(source, line_place(lines.back().number), "at most 64 KiB in one line", "more");
  }
  return lines;
}

std::string trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return std::string(text);
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    if (is_blank(text[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && !is_blank(text[end])) ++end;
    out.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return out;
}

std::optional<std::int64_t> digits(std::string_view text, std::int64_t high) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || text[0] == '-' || error != std::errc() || rest != end || value > high) return std::nullopt;
  return value;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string line_place(int number) { return "line " + std::to_string(number); }

}  // namespace ppplan::spec
