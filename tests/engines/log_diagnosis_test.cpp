// The cause that a log tells, where, and what to change.
#include "planner/engines/log_diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engines/vllm_logs.h"

namespace ppplan::engines {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Diagnosis of(const char* text) { return diagnose(read_vllm_log(text, "server.log")); }

struct Expected {
  const char* log;
  const char* place;
  std::optional<int> stage;
  const char* cause;
  const char* advice;  // of one sentence
};

TEST(Diagnosis, NamesPlaceStageCauseAndRemedy) {
  const Expected all[] = {
      {logs::v0_7_context, "context", 0,
       "max_model_len 131072 needs more KV cache than there is: it holds 81536 tokens", "--max-model-len 81536"},
      {logs::v0_7_ray_last_stage, "profile", 3, "stage 3 (GPU 3) ran out of memory in the profiling run",
       "move 1 layer off stage 3"},
      {logs::v0_7_no_kv, "kv", 0, "left for the KV cache -7.83 GiB", "--gpu-memory-utilization 0.95"},
      {logs::v0_8_sampler, "sampler", 1, "warmed up with 1024 requests: it asked for 1.74 GiB with 605.88 MiB free",
       "--max-num-seqs 512 (now 1024)"},
      {logs::v0_9_budget, "budget", 0, "17.20 GiB of 23.57 GiB, where the utilization asks for 22.39 GiB",
       "--gpu-memory-utilization 0.72"},
      {logs::v0_9_weights, "weights", 2, "stage 2 (GPU 2) ran out of memory while it loaded the weights",
       "VLLM_PP_LAYER_PARTITION=8,9,8,8"},
      {logs::v0_11_context, "context", 3, "needs 71.16 GiB of KV cache and stage 3 has 28.57 GiB; 81392 tokens fit",
       "move 1 layer off stage 3 onto stage 0"},
      {logs::v0_15_graphs, "cuda_graph", 1, "while CUDA graphs were captured: it asked for 320.00 MiB",
       "--max-num-seqs 16 (now 32)"},
      {logs::v0_23_graph_estimate, "kv", 0, "set aside for CUDA graphs 18.65 GiB",
       "VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS=0"},
      {logs::too_few_gpus, "topology", 0, "World size (8) is larger", "--nnodes"},
      {logs::heads, "topology", 0, "(64) must be divisible by tensor parallel size (6)", "--tensor-parallel-size"},
      {logs::bad_partition, "partition", 0, "sum(partitions)=48", "2 whole numbers"},
      {logs::no_experts, "partition", 0, "No Glm4MoE layer found", "at least one layer of experts"},
      {logs::no_pipeline, "topology", 0, "Pipeline parallelism is not supported", "--tensor-parallel-size"},
      {logs::host_killed, "host_memory", 0, "most likely by the kernel", "host memory"},
      {logs::nccl, "nccl", 0, "unhandled system error", "NCCL_DEBUG=INFO"},
      {logs::serving, "serving", 0, "while it served requests: it asked for 20.00 MiB with 11.12 MiB free of 21.95 GiB",
       "--gpu-memory-utilization"},
      {logs::ray_host_memory, "host_memory", 0, "for lack of host memory", "host memory"},
      {logs::v0_5_4_pipeline, "none", std::nullopt, "the server started; its KV cache holds 7312 blocks", ""},
      {logs::v0_6_3, "none", std::nullopt, "the server started", ""},
      {logs::v0_11_started, "none", std::nullopt, "stage 1 has least memory for it, 3.91 GiB",
       "stage 0 has 1.90 GiB more"},
      {logs::v0_26_started, "none", std::nullopt, "its KV cache holds 454384 tokens", ""},
  };
  for (const Expected& expected : all) {
    const Diagnosis found = of(expected.log);
    EXPECT_EQ(found.place, expected.place) << expected.log;
    EXPECT_EQ(found.stage, expected.stage) << expected.log;
    EXPECT_THAT(found.cause, HasSubstr(expected.cause)) << expected.log;
    if (*expected.advice) {
      EXPECT_THAT(found.advice, Contains(HasSubstr(expected.advice))) << expected.log;
    }
  }
}

TEST(Diagnosis, WhatFollowsFromAFailureIsNotItsCause) {
  const VllmLog log = read_vllm_log(logs::v0_9_weights, "server.log");
  ASSERT_TRUE(log.failure);
  EXPECT_EQ(log.failure->kind, "out_of_memory");  // and not the broken connection that its peer reports
  EXPECT_EQ(log.failure->line, 6);
  EXPECT_EQ(log.failures.size(), 2u);
}

TEST(Diagnosis, ExplainsTheCheckOverTheWholeModelWhereTheVersionHasIt) {
  std::string text = logs::v0_11_context;
  EXPECT_THAT(of(text.c_str()).cause, Not(HasSubstr("33698")));
  text.replace(text.find("version 0.11.0"), 14, "version 0.15.1");
  const Diagnosis found = of(text.c_str());
  EXPECT_THAT(found.cause, HasSubstr("counts all layers of the model"));
  EXPECT_THAT(found.cause, HasSubstr("33698"));
  EXPECT_THAT(found.advice, Contains(HasSubstr("vLLM 0.16 or later")));
  EXPECT_THAT(found.advice, Contains(HasSubstr("--tensor-parallel-size")));
}

TEST(Diagnosis, SaysWhatTheLogDoesNotTell) {
  EXPECT_THAT(of(logs::v0_5_4_pipeline).unsure, Contains(HasSubstr("assumed in the order")));
  EXPECT_THAT(of(logs::v0_23_graph_estimate).unsure, Contains(HasSubstr("stage 1 did not")));
  EXPECT_THAT(of(logs::v0_11_context).unsure, Contains(HasSubstr("how the layers were cut")));
  EXPECT_THAT(of(logs::v0_9_weights).unsure, Not(Contains(HasSubstr("how the layers were cut"))));
  EXPECT_THAT(of(logs::v0_26_started).unsure, IsEmpty());
}

TEST(Diagnosis, ALogThatStopsIsNotCalledAStart) {
  EXPECT_THAT(of("INFO vLLM API server version 0.9.1\n").cause, HasSubstr("ends before the server started"));
}

}  // namespace
}  // namespace ppplan::engines
