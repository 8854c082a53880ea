// The host path: profile, search, run, with real layers. Timing figures are the product's own claim (exit 0 or 5), so
// the assertions here are about structure and equal outputs, and about a prediction that is wrong by design.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/tools/command.h"

namespace ppplan::tests {
namespace {

using Json = nlohmann::json;

/// Measured once for all tests of this program: about ten seconds.
const std::string& host_profile() {
  static const std::string path = [] {
    const std::string file = scratch("host.json");
    const Outcome outcome = ppplan("profile --backend host --model tiny --seconds 10 --out " + file);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return file;
  }();
  return path;
}

std::string host_plan(const std::string& name, const std::string& profile, const std::string& more) {
  const std::string path = scratch(name);
  const Outcome outcome = ppplan("search --model tiny --gpus 2xcpu-core --tp 1 --dp 1 --pp 2 --profile " + profile +
                                 " " + more + " --out " + path);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return path;
}

TEST(HostPath, OutputsEqualOneDeviceForEvenAndUnevenCuts) {
  for (const char* partition : {"", "--partition 5,3"}) {
    const std::string plan = host_plan("host_plan.json", host_profile(), partition);
    const Outcome outcome =
        ppplan("run --plan " + plan + " --backend host --micro-batches 4 --repeats 1 --format json");
    ASSERT_TRUE(outcome.status == 0 || outcome.status == 5) << outcome.err;
    const Json run = Json::parse(outcome.out);
    EXPECT_EQ(run.at("outputs_match"), true);
    EXPECT_EQ(run.at("stages").size(), 2U);
  }
}

TEST(HostPath, DecodeRoundsEqualOneDevice) {
  const std::string plan = host_plan("host_decode.json", host_profile(), "");
  const Outcome outcome =
      ppplan("run --plan " + plan + " --backend host --phase decode --micro-batches 3 --repeats 1 --format json");
  ASSERT_TRUE(outcome.status == 0 || outcome.status == 5) << outcome.err;
  EXPECT_EQ(Json::parse(outcome.out).at("outputs_match"), true);
}

TEST(HostPath, RanksOverSocketsEqualOneDevice) {
  const std::string plan = host_plan("host_ranks.json", host_profile(), "--partition 5,3");
  for (const char* phase : {"prefill", "decode"}) {
    const Outcome outcome = ppplan("run --plan " + plan + " --backend tcp --compute real --phase " + phase +
                                   " --micro-batches 3 --repeats 1 --format json");
    ASSERT_TRUE(outcome.status == 0 || outcome.status == 5) << outcome.err;
    const Json run = Json::parse(outcome.out);
    EXPECT_EQ(run.at("outputs_match"), true) << phase;
    EXPECT_EQ(run.at("stages").size(), 2U);
  }
}

TEST(HostPath, AProfileThatIsTenfoldWrongIsFoundOut) {
  Json profile = Json::parse(std::ifstream(host_profile()));
  for (Json& operation : profile["operations"])
    for (const char* key : {"median_s", "p10_s", "p90_s", "alone_s"}) operation[key] = 10 * operation[key].get<double>();
  const std::string wrong = scratch("wrong.json");
  std::ofstream(wrong) << profile.dump();
  const std::string plan = host_plan("wrong_plan.json", wrong, "");
  EXPECT_EQ(ppplan("run --plan " + plan + " --backend host --micro-batches 4 --repeats 1").status, 5);
}

TEST(HostPath, ReplayRunsMoreStagesThanCores) {
  const std::string plan = scratch("replay_plan.json");
  ASSERT_EQ(ppplan("search --model llama70b --gpus 8 --pp 8 --out " + plan).status, 0);
  const Outcome outcome =
      ppplan("run --plan " + plan + " --compute replay --micro-batches 8 --repeats 1 --format json");
  ASSERT_TRUE(outcome.status == 0 || outcome.status == 5) << outcome.err;
  EXPECT_EQ(Json::parse(outcome.out).at("stages").size(), 8U);
}

}  // namespace
}  // namespace ppplan::tests
