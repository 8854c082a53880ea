// Which of many fixed texts occur in a line, found in one pass over it however many texts there are (the automaton of
// Aho and Corasick, CACM 18(6), 1975).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ppplan::engines {

class FragmentSearch {
 public:
  /// An occurrence of texts[text] in bytes [begin, end) of the line.
  struct Hit {
    std::size_t text = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
    bool operator==(const Hit&) const = default;
  };

  /// Empty texts are never found. Throws std::length_error above 65,535 states (the texts' letters together).
  explicit FragmentSearch(const std::vector<std::string>& texts);
  /// Replaces `out` by all occurrences, ordered by their end, then the longer first; at most `most` of them.
  void find(std::string_view line, std::vector<Hit>& out, std::size_t most = 256) const;

 private:
  using State = std::uint16_t;
  State& step(State state, unsigned char letter) { return next_[state * letters_ + class_[letter]]; }
  State step(State state, unsigned char letter) const { return next_[state * letters_ + class_[letter]]; }
  void add(std::string_view text, std::size_t index);
  void link_failures();

  std::array<std::uint16_t, 256> class_{};  // letters that no text has share class 0
  std::size_t letters_ = 1;
  std::vector<State> next_;                       // [state, class]
  std::vector<std::vector<std::uint32_t>> ends_;  // [state]: texts that end there
  std::vector<std::size_t> lengths_;              // [text]
};

}  // namespace ppplan::engines
