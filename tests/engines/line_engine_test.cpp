#include "planner/engines/line_engine.h"

#include <gtest/gtest.h>

#include "planner/input/input_error.h"

namespace ppplan::engines {
namespace {

std::string engine(const std::string& line, const std::string& version) {
  return engine_of_line(read_serve_line(line, version), version);
}

TEST(LineEngine, IsTheOneThatTheVariableNames) {
  EXPECT_EQ(engine("VLLM_USE_V1=0 vllm serve org/model", "0.8.5"), "V0");
  EXPECT_EQ(engine("VLLM_USE_V1=1 vllm serve org/model --num-scheduler-steps 8", "0.8.5"), "V1");
  EXPECT_EQ(engine("vllm serve org/model", "0.8.5"), "");
}

TEST(LineEngine, IsV0ForWhatV1Lacked) {
  EXPECT_EQ(engine("VLLM_ATTENTION_BACKEND=XFORMERS vllm serve org/model", "0.8.5"), "V0");
  EXPECT_EQ(engine("VLLM_ATTENTION_BACKEND=FLASH_ATTN vllm serve org/model", "0.8.5"), "");
  EXPECT_EQ(engine("vllm serve org/model --num-scheduler-steps 8", "0.8.4"), "V0");
  EXPECT_EQ(engine("vllm serve org/model --num-scheduler-steps 1", "0.8.4"), "");
  EXPECT_EQ(engine("vllm serve org/model --scheduling-policy fcfs", "0.8.4"), "");
  EXPECT_EQ(engine("vllm serve org/model --enable-prompt-adapter", "0.9"), "V0");
}

TEST(LineEngine, FollowsTheReleasesThatLearntAWord) {
  const std::string flashinfer = "VLLM_ATTENTION_BACKEND=FLASHINFER vllm serve org/model";
  EXPECT_EQ(engine(flashinfer, "0.8.4"), "V0");
  EXPECT_EQ(engine(flashinfer, "0.8.5"), "");
  const std::string priority = "vllm serve org/model --scheduling-policy priority";
  EXPECT_EQ(engine(priority, "0.9.1"), "V0");
  EXPECT_EQ(engine(priority, "0.9.2"), "");
}

TEST(LineEngine, IsUndecidedWhereAVersionHasOne) {
  const std::string line = "VLLM_USE_V1=0 VLLM_ATTENTION_BACKEND=XFORMERS vllm serve org/model";
  EXPECT_EQ(engine(line, "0.11"), "");
  EXPECT_EQ(engine("VLLM_ATTENTION_BACKEND=XFORMERS vllm serve org/model", "0.7.3"), "");
  EXPECT_EQ(engine_of_line(read_serve_line(line, "0.26"), ""), "");
  EXPECT_THROW(engine_of_line({}, "newest"), input::InputError);
}

TEST(LineEngine, RunsPipelinesOfZeroEightOnV1WithRay) {
  EXPECT_EQ(engine("vllm serve org/model --distributed-executor-backend ray", "0.8.5"), "V1");
  EXPECT_EQ(engine("vllm serve org/model --distributed-executor-backend mp", "0.8.5"), "");
}

}  // namespace
}  // namespace ppplan::engines
