#include "planner/input/edit_distance.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <vector>

#include "planner/input/document.h"

namespace ppplan::input {

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > most) return most + 1;
  // Only cells within `most` of the diagonal can lie on a path that short; the others count as too far.
  std::vector<std::size_t> row(b.size() + 1, most + 1);
  std::iota(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(std::min(b.size(), most) + 1), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    const std::size_t first = i > most ? i - most : 1, last = std::min(b.size(), i + most);
    std::size_t diagonal = row[first - 1], least = most + 1;
    row[first - 1] = first == 1 ? std::min(i, most + 1) : most + 1;
    for (std::size_t j = first; j <= last; ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1), most + 1});
      diagonal = above;
      least = std::min(least, row[j]);
    }
    if (std::min(least, row[first - 1]) > most) return most + 1;
  }
  return row[b.size()];
}

namespace {

using Counts = std::array<int, 256>;

/// A lower bound of the distance from the letters alone: those of one text that the other one lacks.
std::size_t missing_letters(Counts left, std::string_view word, std::string_view candidate) {
  std::size_t missing = 0;
  for (const char c : candidate) missing += --left[static_cast<unsigned char>(c)] < 0 ? 1 : 0;
  const std::size_t shared = candidate.size() - missing;
  return std::max(missing, word.size() - shared);
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  Counts letters{};
  for (const char c : word) ++letters[static_cast<unsigned char>(c)];
  std::string best;
  std::size_t most = word.size() / 3 + 1;
  for (const std::string& candidate : candidates) {
    if (missing_letters(letters, word, candidate) > most) continue;
    const std::size_t here = edit_distance(word, candidate, most);
    if (here > most) continue;
    best = candidate;
    if (here == 0) break;
    most = here - 1;
  }
  return best;
}

}  // namespace ppplan::input
