// From a model and devices to a plan that was simulated, executed and verified, as a user would type it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/tools/command.h"

namespace ppplan::tests {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

Json json_of(const Outcome& outcome) { return Json::parse(outcome.out); }

TEST(Search, FindsAPlanForEightGpusAndPrintsTheLine) {
  const Outcome outcome = ppplan("search --model llama70b --gpus 8");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("vllm serve"));
  EXPECT_THAT(outcome.out, HasSubstr("alternatives"));
}

TEST(Search, DocumentHoldsWhatTheContractNames) {
  const Json document = json_of(ppplan("search --model llama70b --gpus 8 --format json"));
  EXPECT_EQ(document.at("format"), "ppplan/search/1");
  EXPECT_GT(document.at("counts").at("evaluated"), 0);
  EXPECT_GT(document.at("counts").at("simulated"), 0);
  const Json& plan = document.at("plans").at(0);
  EXPECT_EQ(plan.at("format"), "ppplan/plan/1");
  EXPECT_EQ(plan.at("model").at("num_layers"), 80);
  int layers = 0;
  for (const Json& count : plan.at("partition")) layers += count.get<int>();
  EXPECT_EQ(layers, 80);
  EXPECT_TRUE(plan.at("predicted").contains("lower_bound_s"));
  EXPECT_TRUE(plan.at("provenance").contains("engine"));
  const bool pipeline = std::any_of(document.at("plans").begin(), document.at("plans").end(),
                                    [](const Json& p) { return p.at("parallel").at("pp") > 1; });
  EXPECT_TRUE(pipeline) << "the best pipeline is shown even when one stage is best";
}

TEST(Search, IsTheSameTwice) {
  const std::string arguments = "search --model llama70b --gpus 4xl40s --format json";
  Json first = json_of(ppplan(arguments)), second = json_of(ppplan(arguments));
  first.erase("seconds");
  second.erase("seconds");
  EXPECT_EQ(first, second);
}

TEST(Search, WhatDoesNotFitExitsThreeAndSaysWhatIsShort) {
  const Outcome outcome = ppplan("search --model llama70b --gpus 1 --gpu l4 --format json");
  EXPECT_EQ(outcome.status, 3) << outcome.err;
  const Json plan = json_of(outcome).at("plans").at(0);
  EXPECT_EQ(plan.at("verdict"), "OOM");
  EXPECT_THAT(ppplan("search --model llama70b --gpus 1 --gpu l4").out, HasSubstr("short"));
}

TEST(Search, EmitPrintsOnlyShell) {
  const Outcome outcome = ppplan("search --model llama70b --gpus 8 --emit shell");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.out, HasSubstr("vllm serve"));
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1);
}

TEST(Verify, AcceptsWhatSearchWroteAndFindsAFalsifiedFigure) {
  const std::string path = scratch("plan.json");
  ASSERT_EQ(ppplan("search --model llama70b --gpus 8 --pp 4 --out " + path).status, 0);
  const Outcome sound = ppplan("verify " + path);
  EXPECT_EQ(sound.status, 0) << sound.out;
  Json plan = Json::parse(std::ifstream(path));
  plan["predicted"]["kv_tokens"] = plan["predicted"]["kv_tokens"].get<long>() + 16;
  const std::string falsified = scratch("false.json");
  std::ofstream(falsified) << plan.dump();
  EXPECT_EQ(ppplan("verify " + falsified).status, 5);
}

TEST(Explain, ShowsStagesBubblesAndNeighbours) {
  const std::string path = scratch("explained.json");
  ASSERT_EQ(ppplan("search --model llama70b --gpus 8 --pp 8 --out " + path).status, 0);
  const Outcome outcome = ppplan("explain " + path);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("one layer either way"));
  EXPECT_THAT(outcome.out, HasSubstr("margin"));
}

TEST(Simulate, WritesATraceThatIsJson) {
  const std::string path = scratch("simulated.json"), trace = scratch("trace.json");
  ASSERT_EQ(ppplan("search --model llama70b --gpus 8 --pp 4 --out " + path).status, 0);
  ASSERT_EQ(ppplan("simulate --plan " + path + " --phase prefill --trace " + trace).status, 0);
  const Json events = Json::parse(std::ifstream(trace));
  EXPECT_FALSE(events.at("traceEvents").empty());
}

TEST(Run, CudaIsUnavailableWithoutADevice) {
  const std::string path = scratch("gpu_plan.json");
  ASSERT_EQ(ppplan("search --model llama70b --gpus 8 --pp 4 --out " + path).status, 0);
  const Outcome cuda = ppplan("run --plan " + path + " --backend cuda");
  if (cuda.err.find("no CUDA device") == std::string::npos) GTEST_SKIP() << "this machine has a CUDA device";
  EXPECT_EQ(cuda.status, 4);
  EXPECT_EQ(cuda.out, "");
  const Outcome profile = ppplan("profile --model tiny --backend cuda");
  EXPECT_EQ(profile.status, 4);
  EXPECT_THAT(profile.err, HasSubstr("no CUDA device"));
  const Outcome host = ppplan("run --plan " + path + " --backend host");
  EXPECT_EQ(host.status, 4);
  EXPECT_THAT(host.err, HasSubstr("replay"));
}

}  // namespace
}  // namespace ppplan::tests
