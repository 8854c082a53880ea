// Schedules of other tools through the program: verified, simulated, and ours written for them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/tools/command.h"

namespace ppplan::tests {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

std::string csv(const std::string& name, const std::string& rows) {
  const std::string path = scratch(name);
  std::ofstream(path) << rows;
  return path;
}

const char* const one_f_one_b = "0F0,0F1,,0B0,,0B1\n,1F0,1B0,1F1,1B1\n";

TEST(ForeignSchedule, IsVerifiedWithItsMemory) {
  const Outcome outcome = ppplan("verify --format json " + csv("1f1b.csv", one_f_one_b));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(Json::parse(outcome.out).at("peak_micro_batches"), (std::vector<int>{2, 1}));
  EXPECT_EQ(ppplan("verify --memory-limit 1 " + csv("1f1b.csv", one_f_one_b)).status, 5);
}

TEST(ForeignSchedule, IsSimulatedAtTheCostsGiven) {
  const Outcome outcome =
      ppplan("simulate --format json --forward 1 --backward 1 --weight 1 --schedule " + csv("1f1b.csv", one_f_one_b));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  // Fill and drain of one stage, 1 + 2, around two micro-batches of 3 on the other.
  EXPECT_EQ(Json::parse(outcome.out).at("makespan_s"), 9);
}

struct BadRows {
  const char* name;
  const char* rows;
  const char* says;
};

class BadSchedule : public testing::TestWithParam<BadRows> {};

TEST_P(BadSchedule, IsOneSentenceThatNamesThePlace) {
  const std::string path = csv("bad.csv", GetParam().rows);
  for (const std::string command : {"verify ", "simulate --schedule "}) {
    const Outcome outcome = ppplan(command + path);
    EXPECT_EQ(outcome.status, 2) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr(GetParam().says));
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, BadSchedule,
                         testing::Values(BadRows{"GradientLeftOut", "0F0,0B0,0F1\n", "bad.csv: row 1"},
                                         BadRows{"ForwardLeftOut", "0F0,0B0,0B1\n", "a forward of micro-batch 1"},
                                         BadRows{"MicroBatchLeftOut", "0F0,0B0,0F2,0B2\n", "micro-batch 1"},
                                         BadRows{"StageLeftOut", "0F0,0B0\n2F0,2B0\n", "stage 1"},
                                         BadRows{"HalfAGradient", "0F0,0I0\n", "I without W"},
                                         BadRows{"Doubled", "0F0,0F0,0B0\n", "row 1, column 2"},
                                         BadRows{"StageOnTwoRanks", "0F0,0B0\n0F1,0B1\n", "row 2"},
                                         BadRows{"UnknownAction", "0F0,0Q0,0B0\n", "row 1, column 2"},
                                         BadRows{"RowWithoutActions", "0F0,0B0\n,,\n", "row 2"}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ForeignSchedule, OursIsWrittenForPyTorchAndReadBack) {
  const std::string schedule = scratch("zb.json"), rows = scratch("zb.csv");
  ASSERT_EQ(ppplan("schedule --kind zb-h1 --stages 4 --micro-batches 8 --out " + schedule).status, 0);
  for (const std::string flag : {"", " --with-transfers"}) {
    ASSERT_EQ(ppplan("export " + schedule + " --to torch-csv --out " + rows + flag).status, 0);
    EXPECT_EQ(ppplan("simulate --schedule " + rows).status, 0) << flag;
  }
  EXPECT_EQ(ppplan("export " + schedule + " --to megatron").status, 2);
}

}  // namespace
}  // namespace ppplan::tests
