#include "planner/engines/log_values.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

namespace ppplan::engines {
namespace {

constexpr std::string_view digits = "0123456789";
constexpr std::size_t longest_number = 40;
constexpr std::size_t longest_value = 512;

bool is_digit(char c) { return digits.find(c) != std::string_view::npos; }
bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

std::string_view after_opening(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(" ([`'\"*"), text.size()));
}

bool groups_thousands(std::string_view text, std::size_t comma) {
  const std::string_view group = text.substr(comma + 1, 3);
  return group.size() == 3 && std::all_of(group.begin(), group.end(), is_digit) &&
         (comma + 4 >= text.size() || !is_digit(text[comma + 4]));
}

struct Number {
  double value = 0;
  std::string_view rest;
};

std::optional<Number> number(std::string_view text) {
  text = after_opening(text);
  std::string kept;
  std::size_t at = 0;
  for (; at < text.size() && kept.size() < longest_number; ++at) {
    const char c = text[at];
    const bool after_digit = at > 0 && is_digit(text[at - 1]);
    if (is_digit(c) || (c == '-' && at == 0) ||
        (c == '.' && after_digit && at + 1 < text.size() && is_digit(text[at + 1])))
      kept += c;
    else if (!(c == ',' && after_digit && groups_thousands(text, at)))
      break;
  }
  Number out{0, text.substr(at)};
  const auto [end, error] = std::from_chars(kept.data(), kept.data() + kept.size(), out.value);
  if (error != std::errc() || kept.empty() || !std::isfinite(out.value)) return std::nullopt;
  return out;
}

/// Of the unit that `text` starts with; nothing when it is none.
std::optional<double> unit_bytes(std::string_view text) {
  text = text.substr(std::min(text.find_first_not_of(' '), text.size()));
  if (text.starts_with("bytes") || text.starts_with("B ") || text == "B") return 1.0;
  const std::size_t power = std::string_view("KMGT").find(text.empty() ? '?' : text[0]);
  if (power == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(1);
  if (!rest.starts_with("iB") && !rest.starts_with("ib") && !rest.starts_with("B")) return std::nullopt;
  return std::ldexp(1.0, 10 * static_cast<int>(power + 1));
}

/// What stands behind a name: "=" or, for a quoted key, "': ".
std::optional<std::string_view> behind_name(std::string_view text) {
  if (text.starts_with('=')) return text.substr(1);
  if (text.starts_with("':") || text.starts_with("\":")) return text.substr(2);
  return std::nullopt;
}

std::optional<std::string> value_at(std::string_view text) {
  text = text.substr(std::min(text.find_first_not_of(' '), text.size()));
  if (text.empty()) return std::nullopt;
  const bool quoted = text[0] == '\'' || text[0] == '"';
  const std::size_t end = quoted ? text.find(text[0], 1) : text.find_first_of(",)} ");
  const std::size_t begin = quoted ? 1 : 0;
  const std::string value(text.substr(begin, std::min(end, longest_value) - begin));
  if (value.empty() || (!quoted && value == "None")) return std::nullopt;
  return value;
}

}  // namespace

std::optional<double> leading_number(std::string_view text) {
  const auto found = number(text);
  if (!found) return std::nullopt;
  return found->value;
}

std::optional<std::int64_t> leading_count(std::string_view text) {
  const auto found = number(text);
  if (!found || found->value < 0 || found->value > std::ldexp(1.0, 53)) return std::nullopt;
  return static_cast<std::int64_t>(found->value);
}

std::optional<std::int64_t> leading_size(std::string_view text) {
  const auto found = number(text);
  if (!found) return std::nullopt;
  const auto unit = unit_bytes(found->rest);
  if (!unit || std::abs(found->value * *unit) > std::ldexp(1.0, 50)) return std::nullopt;
  return std::llround(found->value * *unit);
}

std::optional<std::int64_t> size_before(std::string_view text, std::size_t end) {
  std::size_t begin = end;
  while (begin > 0 && end - begin < 4 && std::isalpha(static_cast<unsigned char>(text[begin - 1]))) --begin;
  while (begin > 0 && end - begin < 5 && text[begin - 1] == ' ') --begin;
  while (begin > 0 && end - begin < longest_number && (is_digit(text[begin - 1]) || text[begin - 1] == '.')) --begin;
  if (begin > 0 && text[begin - 1] == '-') --begin;
  return leading_size(text.substr(begin));
}

std::vector<int> leading_list(std::string_view text) {
  constexpr std::size_t most_entries = 10'000;
  text = after_opening(text);
  std::vector<int> out;
  while (out.size() < most_entries) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || value < 1) return {};
    out.push_back(value);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!text.starts_with(',')) break;
    text.remove_prefix(1);
    text = text.substr(std::min(text.find_first_not_of(' '), text.size()));
  }
  return out;
}

std::optional<std::string> argument(std::string_view text, std::string_view name) {
  for (std::size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    if (at > 0 && is_name(text[at - 1])) continue;
    if (const auto behind = behind_name(text.substr(at + name.size())))
      if (auto value = value_at(*behind)) return value;
  }
  return std::nullopt;
}

}  // namespace ppplan::engines
