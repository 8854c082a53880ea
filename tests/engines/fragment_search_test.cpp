#include "planner/engines/fragment_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <tuple>

namespace ppplan::engines {
namespace {

std::vector<std::tuple<std::size_t, std::size_t>> found(const std::vector<std::string>& texts,
                                                        const std::string& line) {
  std::vector<FragmentSearch::Hit> hits;
  FragmentSearch(texts).find(line, hits, 100'000);
  std::vector<std::tuple<std::size_t, std::size_t>> out;
  for (const auto& hit : hits) {
    EXPECT_EQ(line.substr(hit.begin, hit.end - hit.begin), texts[hit.text]);
    out.emplace_back(hit.text, hit.begin);
  }
  std::sort(out.begin(), out.end());
  return out;
}

TEST(FragmentSearch, FindsWhatTheStandardLibraryFinds) {
  std::mt19937 random(7);
  const auto text = [&](std::size_t longest) {
    std::string out;
    for (std::size_t i = random() % (longest + 1); i > 0; --i) out += "abc"[random() % 3];
    return out;
  };
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> texts(1 + random() % 8);
    for (std::string& one : texts) one = text(5);
    const std::string line = text(60);
    std::vector<std::tuple<std::size_t, std::size_t>> expected;
    for (std::size_t i = 0; i < texts.size(); ++i)
      for (std::size_t at = 0; !texts[i].empty() && (at = line.find(texts[i], at)) != std::string::npos; ++at)
        expected.emplace_back(i, at);
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(found(texts, line), expected) << line;
  }
}

TEST(FragmentSearch, GivesNoMoreThanAskedFor) {
  std::vector<FragmentSearch::Hit> hits;
  FragmentSearch({"a"}).find(std::string(1000, 'a'), hits, 10);
  EXPECT_EQ(hits.size(), 10u);
}

}  // namespace
}  // namespace ppplan::engines
