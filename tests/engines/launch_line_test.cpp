#include <gtest/gtest.h>

#include "planner/engines/vllm_rules.h"
#include "planner/spec/read_model.h"

namespace ppplan::engines {
namespace {

spec::Plan four_stages() {
  spec::Plan plan;
  plan.model = spec::read_model("llama70b");
  plan.parallel = {.tp = 2, .pp = 4, .dp = 1};
  plan.partition = {20, 21, 20, 19};
  plan.max_model_len = 8192;
  plan.gpu_memory_utilization = 0.92;
  plan.micro_batching.max_num_batched_tokens = 4096;
  plan.micro_batching.max_num_seqs = 256;
  return plan;
}

TEST(LaunchLine, NamesTheHuggingFaceModelAndThePartition) {
  EXPECT_EQ(shell_line(launch_line(four_stages())),
            "VLLM_PP_LAYER_PARTITION=20,21,20,19 vllm serve meta-llama/Llama-3.1-70B --pipeline-parallel-size 4 "
            "--tensor-parallel-size 2 --max-model-len 8192 --max-num-batched-tokens 4096 --max-num-seqs 256 "
            "--gpu-memory-utilization 0.92");
}

TEST(LaunchLine, LeavesThePartitionOutForOneStage) {
  spec::Plan plan = four_stages();
  plan.parallel.pp = 1;
  plan.partition = {80};
  EXPECT_TRUE(launch_line(plan).env.empty());
}

TEST(LaunchLine, TellsReplicasOnlyWhereThereAreSome) {
  spec::Plan plan = four_stages();
  EXPECT_EQ(launch_line(plan).command.find("--data-parallel-size"), std::string::npos);
  plan.parallel.dp = 3;
  EXPECT_NE(launch_line(plan).command.find("--data-parallel-size 3"), std::string::npos);
}

TEST(LaunchLine, AsksForFormatsThatTheCheckpointDoesNotHave) {
  spec::Plan plan = four_stages();
  spec::set_weight_dtype(plan.model, spec::DType::fp8);
  plan.model.kv_dtype = spec::DType::fp8;
  const std::string command = launch_line(plan).command;
  EXPECT_NE(command.find("--quantization fp8"), std::string::npos);
  EXPECT_NE(command.find("--kv-cache-dtype fp8"), std::string::npos);
}

TEST(LaunchLine, QuotesWhatAShellWouldRead) {
  spec::Plan plan = four_stages();
  plan.model.name = "my models/it's; rm -rf $HOME";
  EXPECT_NE(launch_line(plan).command.find("vllm serve 'my models/it'\\''s; rm -rf $HOME' --pipeline"),
            std::string::npos);
}

}  // namespace
}  // namespace ppplan::engines
