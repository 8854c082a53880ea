#include "planner/engines/log_values.h"

#include <gtest/gtest.h>

namespace ppplan::engines {
namespace {

constexpr std::int64_t gib = std::int64_t{1} << 30;

TEST(LogValues, EveryUnitIsBinary) {
  EXPECT_EQ(leading_size("2 GB and 3 seconds"), 2 * gib);
  EXPECT_EQ(leading_size("(-1.50GiB) x"), -3 * gib / 2);
  EXPECT_EQ(leading_size("20.00 MiB."), 20 * gib / 1024);
  EXPECT_EQ(leading_size("448.00 KiB"), 448 * 1024);
  for (const char* text : {"", "GiB", "7", "7 seconds", "1e9 GiB", "nan GiB", "999999999999 TiB", "."})
    EXPECT_EQ(leading_size(text), std::nullopt) << text;
}

TEST(LogValues, CommasGroupThousands) {
  EXPECT_EQ(leading_count("1,054,384 tokens"), 1'054'384);
  EXPECT_EQ(leading_count("7312, # CPU blocks: 4096"), 7312);
  EXPECT_EQ(leading_count("12,3456"), 12);
  EXPECT_EQ(leading_count("-3"), std::nullopt);
  EXPECT_EQ(leading_count("99999999999999999999999"), std::nullopt);
}

TEST(LogValues, ASizeMayStandBeforeItsName) {
  const std::string_view line = "usage is 14.99 GiB for weight";
  EXPECT_EQ(size_before(line, line.find(" GiB for")), leading_size("14.99 GiB"));
  const std::string_view needed = "(71.16 GiB KV cache is needed";
  EXPECT_EQ(size_before(needed, needed.find(" KV")), leading_size("71.16 GiB"));
  EXPECT_EQ(size_before(" GiB for weight", 0), std::nullopt);
  EXPECT_EQ(size_before("of GiB free", 6), std::nullopt);
}

TEST(LogValues, AListHoldsCountsOfAtLeastOne) {
  EXPECT_EQ(leading_list("[8,8,9,8]. This"), (std::vector<int>{8, 8, 9, 8}));
  EXPECT_EQ(leading_list("16,32 vllm serve"), (std::vector<int>{16, 32}));
  for (const char* text : {"", "[]", "0,4", "-1,5", "x", "4,"}) EXPECT_TRUE(leading_list(text).empty()) << text;
}

TEST(LogValues, ArgumentsAreFoundByTheirWholeName) {
  const std::string_view line =
      "served_model='a', model='org/b', max_seq_len=8192, 'tp': 2, \"q\": \"fp8\", none=None)";
  EXPECT_EQ(argument(line, "model"), "org/b");
  EXPECT_EQ(argument(line, "max_seq_len"), "8192");
  EXPECT_EQ(argument(line, "tp"), "2");
  EXPECT_EQ(argument(line, "q"), "fp8");
  EXPECT_EQ(argument(line, "none"), std::nullopt);
  EXPECT_EQ(argument(line, "len"), std::nullopt);
}

}  // namespace
}  // namespace ppplan::engines
