#include <gtest/gtest.h>

#include "planner/spec/read_cluster.h"
#include "tests/spec/error_text.h"

namespace ppplan::spec {
namespace {

TEST(Quantity, ReadsSizes) {
  EXPECT_EQ(parse_bytes("24GiB", "--x"), 24.0 * 1024 * 1024 * 1024);
  EXPECT_EQ(parse_bytes("80 GB", "--x"), 80e9);
  EXPECT_EQ(parse_bytes("0.5MiB", "--x"), 524288);
  EXPECT_EQ(parse_bytes("4096", "--x"), 4096);
  EXPECT_EQ(parse_bytes("0GiB", "--x"), 0);
}

TEST(Quantity, ReadsRatesInBytesAndBits) {
  EXPECT_EQ(parse_rate("936GB/s", "--x"), 936e9);
  EXPECT_EQ(parse_rate("3.35TB/s", "--x"), 3.35e12);
  EXPECT_EQ(parse_rate("100Gbit/s", "--x"), 12.5e9);
  EXPECT_EQ(parse_rate("400Gbps", "--x"), 50e9);
}

TEST(Quantity, ReadsFlopsAndTimes) {
  EXPECT_EQ(parse_flops("142TFLOPS", "--x"), 142e12);
  EXPECT_EQ(parse_flops("1.9PFLOP/s", "--x"), 1.9e15);
  EXPECT_DOUBLE_EQ(parse_seconds("10us", "--x"), 10e-6);
  EXPECT_DOUBLE_EQ(parse_seconds("10\u00b5s", "--x"), 10e-6);
  EXPECT_DOUBLE_EQ(parse_seconds("2.5 ms", "--x"), 2.5e-3);
  EXPECT_EQ(parse_seconds("0s", "--x"), 0);
}

TEST(Quantity, RefusesWhatIsNone) {
  for (const char* text : {"", "GiB", "24", "-1GB/s", "0GB/s", "1e30GB/s", "nanGB/s", "infGB/s", "12Gb/s", "12GB/s/s",
                           " 12GB/s", "1,5GB/s"})
    EXPECT_NE(error_text([&] { parse_rate(text, "--x"); }), "") << text;
  for (const char* text : {"24gigs", "-1GiB", "24GiB/s", "1e19"})
    EXPECT_NE(error_text([&] { parse_bytes(text, "--x"); }), "") << text;
  EXPECT_EQ(error_text([] { parse_bytes("24gigs", "--reserve"); }),
            "--reserve: expected a size such as 24GiB, 80GB or 512MiB, found \"24gigs\"");
}

}  // namespace
}  // namespace ppplan::spec
