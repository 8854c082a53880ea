// Seeded damage to JSON documents, for tests of readers: bytes of a text, or values of a parsed document.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "planner/input/document.h"

namespace ppplan::tests {

using Random = std::mt19937_64;

/// A whole number in [0, count).
inline std::size_t below(std::size_t count, Random& random) { return static_cast<std::size_t>(random() % count); }

/// One to four bytes changed, removed, doubled or inserted, or the text cut short.
inline std::string damaged_text(std::string text, Random& random) {
  static const std::string alphabet = "{}[],:\"\\0123456789.eE+-truefalsn/u \n\xff\xc3";
  for (std::size_t times = 1 + below(4, random); times > 0 && !text.empty(); --times) {
    const std::size_t at = below(text.size(), random);
    const char other = alphabet[below(alphabet.size(), random)];
    switch (below(5, random)) {
      case 0:
        text[at] = other;
        break;
      case 1:
        text.erase(at, 1 + below(8, random));
        break;
      case 2:
        text.insert(at, text.substr(at, 1 + below(16, random)));
        break;
      case 3:
        text.insert(at, 1, other);
        break;
      default:
        if (below(8, random) == 0) text.resize(at);
    }
  }
  return text;
}

/// Pointers to every value of a document, the root included.
inline void collect(input::Json& value, std::vector<input::Json*>& out) {
  out.push_back(&value);
  if (value.is_structured())
    for (auto& child : value) collect(child, out);
}

inline input::Json odd_value(Random& random) {
  static const std::vector<std::string> values = {"null",
                                                  "true",
                                                  "0",
                                                  "-1",
                                                  "1",
                                                  "3",
                                                  "1.5",
                                                  "1e300",
                                                  "-1e300",
                                                  "2147483648",
                                                  "9223372036854775807",
                                                  "18446744073709551615",
                                                  "\"\"",
                                                  "\"x\"",
                                                  "[]",
                                                  "{}",
                                                  "[[]]",
                                                  "[-1]",
                                                  "[0,0]",
                                                  "1e-300"};
  return input::Json::parse(values[below(values.size(), random)]);
}

/// Replaces, removes, doubles or scales one value somewhere in the document.
inline void damage(input::Json& root, Random& random) {
  std::vector<input::Json*> all;
  collect(root, all);
  input::Json& chosen = *all[below(all.size(), random)];
  if (chosen.is_array() && !chosen.empty() && below(2, random) == 0) {
    const std::size_t at = below(chosen.size(), random);
    if (below(2, random) == 0) {
      chosen.erase(at);
    } else {
      input::Json again = chosen[at];
      chosen.push_back(std::move(again));
    }
  } else if (chosen.is_object() && !chosen.empty() && below(2, random) == 0) {
    chosen.erase(std::next(chosen.begin(), static_cast<std::ptrdiff_t>(below(chosen.size(), random))));
  } else if (chosen.is_number() && below(2, random) == 0) {
    chosen = chosen.get<double>() * static_cast<double>(below(5, random));
  } else {
    chosen = odd_value(random);
  }
}

}  // namespace ppplan::tests
