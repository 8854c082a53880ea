// A right plan passes, and every figure in it that is falsified is found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/verify/documents.h"
#include "tests/verify/falsified.h"

namespace ppplan {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using tests::false_claims;
using tests::is_found;
using tests::overlooked;
using tests::with;

/// Figures that follow exactly from others of the document. Left out: inputs (that is what is asked), what a simulation
/// found (bounded below), and estimates that no sum of this document holds to account.
bool is_exact(const std::string& pointer) {
  for (const char* free :
       {"/inputs/", "/ttft_s", "/tpot_s", "/output_tokens_per_s", "/bubble_fraction", "/lower_bound_s", "/other_bytes",
        "uncertainty_bytes", "/receive_buffers", "/in_flight", "/neighbours/", "/uncertainty/"})
    if (pointer.find(free) != std::string::npos) return false;
  return true;
}

bool is_simulated(const std::string& pointer) {
  for (const char* figure : {"/ttft_s", "/tpot_s", "/output_tokens_per_s", "/lower_bound_s"})
    if (pointer == std::string("/predicted").append(figure)) return true;
  return false;
}

TEST(PlanClaims, HoldForEveryRightPlan) {
  for (const auto& plan : tests::plan_documents()) EXPECT_THAT(false_claims(plan), IsEmpty());
}

TEST(PlanClaims, EveryFalsifiedFigureIsFound) {
  for (const auto& plan : tests::plan_documents()) EXPECT_THAT(overlooked(plan, 1.001, is_exact), IsEmpty());
}

TEST(PlanClaims, SimulatedFiguresOutOfReachAreFound) {
  // The costs bound them on both sides; a figure four times off lies outside.
  for (const auto& plan : tests::plan_documents()) EXPECT_THAT(overlooked(plan, 4, is_simulated), IsEmpty());
}

TEST(PlanClaims, EveryFalsifiedIntervalIsFound) {
  const auto plan = tests::plan_documents().front();
  for (const auto& range : plan.at("predicted").at("uncertainty").items()) {
    const std::string pointer = std::string("/predicted/uncertainty/").append(range.key());
    EXPECT_TRUE(is_found(with(plan, pointer + "/0", range.value()[1].get<double>() * 1.01))) << pointer;
    EXPECT_TRUE(is_found(with(plan, pointer + "/1", range.value()[0].get<double>() * 0.99))) << pointer;
  }
}

TEST(PlanClaims, VerdictsThatContradictTheirMarginAreFound) {
  for (const auto& plan : tests::plan_documents())
    for (const char* verdict : {"FITS", "OOM"}) {
      if (plan.at("verdict") != verdict) {
        EXPECT_TRUE(is_found(with(plan, "/verdict", verdict)));
      }
      const auto& stage = plan.at("stages")[0].at("verdict");
      if (stage != verdict && stage != "TIGHT") {
        EXPECT_TRUE(is_found(with(plan, "/stages/0/verdict", verdict)));
      }
    }
}

TEST(PlanClaims, AStatedUncertaintyDecidesBetweenTightAndTheRest) {
  for (auto plan : tests::plan_documents()) {
    const auto size = [](const input::Json& stage) {
      return std::abs(stage.at("memory").at("margin_bytes").get<std::int64_t>());
    };
    // TIGHT where the margin is below the uncertainty: one byte above it there, and just the margin elsewhere.
    for (auto& stage : plan["stages"])
      stage["memory"]["uncertainty_bytes"] = size(stage) + (stage.at("verdict") == "TIGHT" ? 1 : 0);
    EXPECT_THAT(false_claims(plan), IsEmpty());
    for (auto& stage : plan["stages"]) {
      const auto right = stage["memory"]["uncertainty_bytes"];
      stage["memory"]["uncertainty_bytes"] = size(stage) + (stage.at("verdict") == "TIGHT" ? 0 : 1);
      EXPECT_TRUE(is_found(plan));
      stage["memory"]["uncertainty_bytes"] = right;
    }
  }
}

TEST(PlanClaims, ADeviceThatServesTwiceIsFound) {
  const auto plan = tests::plan_documents().front();
  const auto errors = false_claims(with(plan, "/stages/1/devices", plan.at("stages")[0].at("devices")));
  EXPECT_THAT(errors, testing::Contains(HasSubstr("no device serves twice")));
}

TEST(PlanClaims, ANeighbourThatIsNoneIsFound) {
  const auto plan = tests::plan_documents().front();
  ASSERT_FALSE(plan.at("neighbours").empty());
  EXPECT_TRUE(is_found(with(plan, "/neighbours/0/partition", plan.at("partition"))));
  const auto tokens = plan.at("neighbours")[0].at("kv_tokens").get<std::int64_t>();
  EXPECT_TRUE(is_found(with(plan, "/neighbours/0/kv_tokens", tokens + 100)));
  EXPECT_TRUE(is_found(with(plan, "/neighbours/0/output_tokens_per_s", 0.0)));
}

TEST(PlanClaims, ALineToPasteThatSaysSomethingElseIsFound) {
  const auto plan = tests::plan_documents().front();
  EXPECT_TRUE(is_found(with(plan, "/launch/env/VLLM_PP_LAYER_PARTITION", "3,3,3,4")));
  const std::string command = plan.at("launch").at("command");
  for (const char* flag : {"--pipeline-parallel-size", "--max-model-len", "--max-num-batched-tokens", "--max-num-seqs",
                           "--gpu-memory-utilization"}) {
    const auto value = command.find(' ', command.find(flag)) + 1;
    std::string other = command.substr(0, value);
    other.append("7");
    if (const auto end = command.find(' ', value); end != std::string::npos) other.append(command, end);
    EXPECT_TRUE(is_found(with(plan, "/launch/command", other))) << other;
  }
}

TEST(PlanClaims, FlagsOfTheEndsAreHeldToTheirBytes) {
  const auto plan = tests::plan_documents().front();
  EXPECT_TRUE(is_found(with(plan, "/stages/1/embedding", true)));
  EXPECT_TRUE(is_found(with(plan, "/stages/1/head", true)));
  EXPECT_TRUE(is_found(with(plan, "/stages/0/embedding", false)));
  EXPECT_TRUE(is_found(with(plan, "/stages/3/head", false)));
}

TEST(PlanClaims, CostsOfAnotherShapeAreFound) {
  auto plan = tests::plan_documents().front();
  plan["inputs"]["costs"][0]["layer_s"].push_back(1e-3);
  EXPECT_TRUE(is_found(plan));
}

TEST(CheckClaims, SayWhereAndByHowMuchSomethingIsShort) {
  auto fits = tests::plan_documents().front();
  fits["format"] = "ppplan/check/1";
  fits["fails_at"] = nullptr;
  EXPECT_THAT(false_claims(fits), IsEmpty());
  EXPECT_TRUE(is_found(with(fits, "/fails_at", "kv")));

  auto oom = tests::plan_documents().back();
  ASSERT_EQ(oom.at("verdict"), "OOM");
  oom["format"] = "ppplan/check/1";
  ASSERT_EQ(oom.at("fails_at"), "weights");
  EXPECT_THAT(false_claims(oom), IsEmpty());
  EXPECT_TRUE(is_found(with(oom, "/short_bytes", 1)));
  EXPECT_TRUE(is_found(with(oom, "/fails_at", nullptr)));
  EXPECT_TRUE(is_found(with(oom, "/fails_at", "somewhere")));
}

}  // namespace
}  // namespace ppplan
