#include "planner/engines/fragment_search.h"

#include <limits>
#include <queue>
#include <stdexcept>

namespace ppplan::engines {

FragmentSearch::FragmentSearch(const std::vector<std::string>& texts) {
  for (const std::string& text : texts)
    for (const char c : text)
      if (std::uint16_t& letter = class_[static_cast<unsigned char>(c)]; letter == 0)
        letter = static_cast<std::uint16_t>(letters_++);
  next_.assign(letters_, 0);
  ends_.resize(1);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    lengths_.push_back(texts[i].size());
    if (!texts[i].empty()) add(texts[i], i);
  }
  link_failures();
}

void FragmentSearch::add(std::string_view text, std::size_t index) {
  State state = 0;
  for (const char c : text) {
    if (step(state, static_cast<unsigned char>(c)) == 0) {
      if (ends_.size() > std::numeric_limits<State>::max()) throw std::length_error("too many texts to search for");
      step(state, static_cast<unsigned char>(c)) = static_cast<State>(ends_.size());
      ends_.emplace_back();
      next_.resize(next_.size() + letters_, 0);
    }
    state = step(state, static_cast<unsigned char>(c));
  }
  ends_[state].push_back(static_cast<std::uint32_t>(index));
}

void FragmentSearch::link_failures() {
  std::vector<State> failure(ends_.size(), 0);
  std::queue<State> waiting;
  for (std::size_t letter = 0; letter < letters_; ++letter)
    if (next_[letter] != 0) waiting.push(next_[letter]);
  // Breadth first: the failure state of a text is shorter, so it is complete when its longer ones ask for it.
  while (!waiting.empty()) {
    const State state = waiting.front();
    waiting.pop();
    const auto& shorter = ends_[failure[state]];
    ends_[state].insert(ends_[state].end(), shorter.begin(), shorter.end());
    for (std::size_t letter = 0; letter < letters_; ++letter) {
      State& next = next_[state * letters_ + letter];
      const State otherwise = next_[failure[state] * letters_ + letter];
      if (next == 0) {
        next = otherwise;
      } else {
        failure[next] = otherwise;
        waiting.push(next);
      }
    }
  }
}

void FragmentSearch::find(std::string_view line, std::vector<Hit>& out, std::size_t most) const {
  out.clear();
  State state = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    state = step(state, static_cast<unsigned char>(line[at]));
    if (state == 0 || ends_[state].empty()) continue;
    for (const std::uint32_t text : ends_[state]) {
      if (out.size() == most) return;
      out.push_back({text, at + 1 - lengths_[text], at + 1});
    }
  }
}

}  // namespace ppplan::engines
