#include "planner/spec/flag_text.h"

#include <charconv>

#include "planner/input/document.h"
#include "planner/input/input_error.h"

namespace ppplan::spec {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> items(1);
  for (char c : text) {
    if (c == separator)
      items.emplace_back();
    else
      items.back() += c;
  }
  return items;
}

std::pair<std::string, std::string> key_and_value(const std::string& text, const std::string& flag) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) throw input::InputError(flag, "", "'key=value'", "\"" + text + "\"");
  return {text.substr(0, equals), text.substr(equals + 1)};
}

int whole_number(const std::string& text, int low, int high, const std::string& flag, const std::string& expected) {
  int value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && rest == end && !text.empty() && text[0] != '-' && value >= low && value <= high)
    return value;
  throw input::InputError(flag, "", expected, "\"" + text + "\"");
}

namespace {

/// The shortest that the word is a part of: "v100" of "v100-32gb".
std::string whole_of(const std::string& word, const std::vector<std::string>& known) {
  std::string out;
  for (const std::string& name : known)
    if (name.find(word) != std::string::npos && (out.empty() || name.size() < out.size())) out = name;
  return out;
}

}  // namespace

std::string quoted_with_hint(const std::string& word, const std::vector<std::string>& known) {
  constexpr std::size_t least_part = 3;
  std::string near = word.size() < least_part ? "" : whole_of(word, known);
  if (near.empty()) near = input::nearest(word, known);
  return "\"" + word + "\"" + (near.empty() ? "" : " (did you mean \"" + near + "\"?)");
}

}  // namespace ppplan::spec
