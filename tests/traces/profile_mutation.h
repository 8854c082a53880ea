// Seeded damage to a text: bytes changed, cut out or doubled.
#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <string_view>

namespace ppplan::tests {

/// One to three edits. `likely` are characters that keep the text near its format.
inline std::string mutated(std::string text, std::string_view likely, std::mt19937& random) {
  for (int edits = 1 + static_cast<int>(random() % 3); edits > 0; --edits) {
    const std::size_t at = random() % text.size();
    const std::size_t length = std::min<std::size_t>(1 + random() % 12, text.size() - at);
    switch (random() % 4) {
      case 0:
        text[at] = static_cast<char>(random() % 256);
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, text.substr(at, length));
        break;
      default:
        text[at] = likely[random() % likely.size()];
        break;
    }
  }
  return text;
}

}  // namespace ppplan::tests
