// ppplan search --task train, as a user asks for it.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/tools/command.h"

namespace ppplan::tests {
namespace {

using Json = nlohmann::json;

TEST(TrainingCommand, PlansKeepTheGlobalBatchAndAreVerified) {
  const std::string path = scratch("training.json");
  const Outcome outcome =
      ppplan("search --task train --model llama8b --gpus 8 --global-batch 64 --format json --out " + path);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json search = Json::parse(outcome.out);
  EXPECT_EQ(search.at("task"), "train");
  for (const Json& plan : search.at("plans")) {
    const Json& training = plan.at("training");
    EXPECT_EQ(plan.at("parallel").at("dp").get<int>() * training.at("micro_batches").get<int>() *
                  training.at("micro_batch_sequences").get<int>(),
              64);
  }
  EXPECT_EQ(ppplan("verify " + path).status, 0);
}

TEST(TrainingCommand, WhatDoesNotFitExitsWithThree) {
  const Outcome outcome = ppplan("search --task train --model llama8b --gpus 2xrtx3090");
  EXPECT_EQ(outcome.status, 3);
  EXPECT_NE(outcome.out.find("NOTHING FITS"), std::string::npos) << outcome.out;
}

TEST(TrainingCommand, BadInputIsOneSentence) {
  for (const char* flags :
       {"--global-batch 0", "--sequence-length -1", "--schedule 1f2b", "--recompute maybe", "--optimizer half",
        "--partition 16,15", "--tp 3", "--micro-batch-size 0", "--chunks 0", "--emit shell"}) {
    const Outcome outcome = ppplan(std::string("search --task train --model llama8b --gpus 8 ") + flags);
    EXPECT_EQ(outcome.status, 2) << flags;
    EXPECT_EQ(outcome.out, "") << flags;
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  }
  EXPECT_EQ(ppplan("search --task trian --model llama8b --gpus 8").status, 2);
}

}  // namespace
}  // namespace ppplan::tests
