// The program's own commands on the doubles of CUDA: what `profile`, `search` and `run --backend cuda` hand each other.
// Not a run on a GPU: times are the double's and mean nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/cuda_on_cpu/runtime.h"
#include "tests/tools/command.h"
#include "tests/tools/job.h"

namespace ppplan::tests {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Json = nlohmann::json;

const std::string kDevice = cuda_on_cpu::kDeviceName;

/// A machine of the double; 1 ms a step, so that one run of a layer is already a long sample.
void set_double(const std::string& words = "") { setenv("PPPLAN_DOUBLE", ("tick_us=1000 " + words).c_str(), 1); }

std::string small_model() {
  const std::string path = scratch("config.json");
  std::ofstream(path) << R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64,
    "intermediate_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 64,
    "vocab_size": 48, "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "torch_dtype": "bfloat16"})";
  return path;
}

/// Measured once for all cases.
const std::string& measured_profile() {
  static const std::string path = [] {
    const std::string file = scratch("profile.json");
    set_double();
    const Outcome outcome =
        ppplan("profile --backend cuda --model " + small_model() +
               " --max-tokens 16 --max-batch 2 --max-kv 16 --max-message 65536 --warm-up 0 --seconds 1 --out " + file);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return file;
  }();
  return path;
}

std::string plan_of_profile(const std::string& more) {
  const std::string plan = scratch("plan.json");
  const Outcome outcome =
      ppplan("search --model " + small_model() + " --gpu-spec '" + kDevice + ":mem=24GiB,bw=900GB/s,bf16=100TFLOPS' " +
             "--gpus 2x" + kDevice + " --profile " + measured_profile() +
             " --isl 16 --osl 4 --concurrency 2 --max-num-batched-tokens 16 --max-model-len 64 --out " + plan + more);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return plan;
}

Json read(const std::string& path) { return Json::parse(std::ifstream(path)); }

TEST(CudaProgram, AProfileIsOfTheDoubleAndStatesHowItWasTaken) {
  const Json profile = read(measured_profile());
  EXPECT_EQ(profile.at("format"), "ppplan/profile/1");
  EXPECT_EQ(profile.at("device"), kDevice);
  EXPECT_THAT(profile.at("engine").get<std::string>(), StartsWith("ppplan "));
  const Json& machine = profile.at("machine");
  EXPECT_EQ(machine.at("gpu"), kDevice);
  for (const char* fact : {"cuda_driver", "cuda_runtime", "cublaslt", "nccl", "date", "command", "gpu_processors"})
    EXPECT_TRUE(machine.contains(fact)) << fact;
  // Prefill of 16 tokens after 0 and 16, decode of 1 and 2 sequences with 16; 1, 2, 4, 8, 16 rows; 1, 2 rows.
  EXPECT_EQ(profile.at("operations").size(), 4u + 5u + 2u);
  EXPECT_EQ(profile.at("eager").size(), profile.at("operations").size());
  for (const Json& operation : profile.at("operations")) {
    EXPECT_EQ(operation.at("dtype"), "bf16");
    EXPECT_GE(operation.at("repeats"), 5);
    EXPECT_GT(operation.at("median_s"), 0);
  }
  // 1, 4, 16 and 64 KiB, between the two devices.
  EXPECT_EQ(profile.at("links").size(), 4u);
}

TEST(CudaProgram, AProfileNamesTheAlgorithmOfEveryProduct) {
  // Of a layer: qkv, output, gate and up, down, for 16, 1 and 2 rows; of the head: 1 and 2 rows.
  const Json gemms = read(measured_profile()).at("gemms");
  EXPECT_EQ(gemms.size(), 4u * 3u + 2u);
  for (const Json& gemm : gemms) EXPECT_EQ(gemm.at("algorithm"), 7);  // the double's
}

TEST(CudaProgram, APlanOfTheProfileRunsAndNamesItsProducts) {
  const std::string plan = plan_of_profile(" --pp 2");
  EXPECT_EQ(read(plan).at("provenance").at("costs"), "measured");
  set_double("seed=3");
  for (const std::string transport : {"local", "nccl --one-process"}) {
    const Outcome outcome = ppplan("run --plan " + plan + " --backend cuda --transport " + transport +
                                   " --micro-batches 3 --repeats 1 --format json");
    EXPECT_THAT(outcome.status, testing::AnyOf(0, 5)) << outcome.err;  // the double's clock means nothing
    const Json run = Json::parse(outcome.out);
    EXPECT_EQ(run.at("outputs_match"), true);
    EXPECT_EQ(run.at("machine").at("gpu"), kDevice);
    ASSERT_EQ(run.at("memory").size(), 2u);
    EXPECT_EQ(run.at("memory").at(0).at("short_bytes"), 0);
    // Four of a layer on both stages, and the head's on the last.
    EXPECT_EQ(run.at("gemms").size(), 4u + 4u + 1u);
  }
}

TEST(CudaProgram, StagesRunOnSlicesOfOneGpu) {
  const std::string plan = plan_of_profile(" --pp 2");
  set_double("devices=1 processors=16");
  const std::string line = "run --plan " + plan + " --backend cuda --micro-batches 3 --repeats 1 --format json";
  const Outcome outcome = ppplan(line + " --slices 3,12");
  EXPECT_THAT(outcome.status, testing::AnyOf(0, 5)) << outcome.err;
  const Json run = Json::parse(outcome.out);
  EXPECT_EQ(run.at("outputs_match"), true);
  EXPECT_EQ(run.at("slices"), Json({4, 12}));  // the double cuts pairs
  for (const Json& stage : run.at("busy")) EXPECT_GT(stage.at("alone_s"), 0);
  EXPECT_EQ(ppplan(line + " --slices 3,14").status, 4);
  EXPECT_EQ(ppplan(line + " --slices 3").status, 2);
  EXPECT_EQ(ppplan(line + " --slices 3,x").status, 2);
  EXPECT_EQ(ppplan(line + " --slices auto").status, 2);  // the plan's devices are whole ones
  set_double("devices=1 processors=16 slice=0");
  const Outcome without = ppplan(line + " --slices 3,12");
  EXPECT_EQ(without.status, 4);
  EXPECT_THAT(without.err, HasSubstr("green contexts"));
}

TEST(CudaProgram, APlanForSlicesRunsOnThem) {
  set_double("devices=1 processors=16");
  std::string profiles, gpus;
  for (const std::string size : {"4", "12"}) {
    const std::string file = scratch("slice_" + size + ".json"), name = kDevice + "-" + size + "sm";
    ASSERT_EQ(
        ppplan("profile --backend cuda --slice " + size + " --model " + small_model() +
               " --max-tokens 16 --max-batch 2 --max-kv 16 --max-message 65536 --warm-up 0 --seconds 1 --out " + file)
            .status,
        0);
    profiles += " --profile " + file + " --gpu-spec '" + name + ":mem=24GiB,bw=900GB/s,bf16=100TFLOPS'";
    gpus += (gpus.empty() ? "1x" : ",1x") + name;
  }
  const std::string plan = scratch("slices.json");
  const Outcome searched = ppplan(
      "search --model " + small_model() + profiles + " --gpus " + gpus +
      " --tp 1 --pp 2 --isl 16 --osl 4 --concurrency 2 --max-num-batched-tokens 16 --max-model-len 64 --out " + plan);
  ASSERT_EQ(searched.status, 0) << searched.err;
  EXPECT_EQ(read(plan).at("provenance").at("costs"), "measured");
  const std::string line =
      "run --plan " + plan + " --backend cuda --micro-batches 3 --repeats 1 --format json --slices ";
  const Json run = Json::parse(ppplan(line + "auto").out);
  Json sizes = run.at("slices");
  EXPECT_EQ(run.at("outputs_match"), true);
  std::sort(sizes.begin(), sizes.end());
  EXPECT_EQ(sizes, Json({4, 12}));
  const Outcome other = ppplan(line + "8,8");
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, HasSubstr("as the plan has it"));
}

TEST(CudaProgram, AProfileOfASliceIsOfAnotherDevice) {
  set_double("devices=1 processors=16");
  const Outcome outcome =
      ppplan("profile --backend cuda --slice 5 --model " + small_model() +
             " --max-tokens 16 --max-batch 1 --max-kv 16 --max-message 65536 --warm-up 0 --seconds 1 --format json");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  const Json profile = Json::parse(outcome.out);
  EXPECT_EQ(profile.at("device"), kDevice + "-6sm");
  EXPECT_EQ(profile.at("machine").at("slice_processors"), "6");
}

TEST(CudaProgram, AStageThatDoesNotFitIsRefusedBeforeTheRun) {
  const std::string plan = plan_of_profile(" --pp 2");
  set_double();
  const std::string line = "run --plan " + plan + " --backend cuda --micro-batches 3 --repeats 1 --format json";
  const Json needed = Json::parse(ppplan(line).out).at("memory");
  const auto bytes = [&](int stage) {
    return needed.at(static_cast<std::size_t>(stage)).at("needed_bytes").get<long>();
  };
  const long least = std::min(bytes(0), bytes(1)), most = std::max(bytes(0), bytes(1));
  ASSERT_NE(least, most);
  set_double("memory=" + std::to_string(most - 1000));
  const Outcome outcome = ppplan(line);
  EXPECT_EQ(outcome.status, 3) << outcome.err;
  const Json refused = Json::parse(outcome.out);
  EXPECT_EQ(refused.at("verdict"), "OOM");
  const int larger = bytes(0) > bytes(1) ? 0 : 1;
  EXPECT_EQ(refused.at("memory").at(static_cast<std::size_t>(larger)).at("short_bytes"), 1000);
  EXPECT_EQ(refused.at("memory").at(static_cast<std::size_t>(1 - larger)).at("short_bytes"), 0);
  EXPECT_THAT(refused.at("reason").get<std::string>(), StartsWith("stage " + std::to_string(larger) + " does not fit"));
}

TEST(CudaProgram, StagesOfOneGpuShareItsMemory) {
  const std::string plan = plan_of_profile(" --pp 2");
  set_double("devices=1");
  const std::string line = "run --plan " + plan + " --backend cuda --micro-batches 3 --repeats 1 --format json";
  const Json needed = Json::parse(ppplan(line).out).at("memory");
  const long first = needed.at(0).at("needed_bytes"), second = needed.at(1).at("needed_bytes");
  set_double("devices=1 memory=" + std::to_string(first + second - 1));
  const Outcome outcome = ppplan(line);
  EXPECT_EQ(outcome.status, 3) << outcome.err;
  EXPECT_EQ(Json::parse(outcome.out).at("memory").at(1).at("short_bytes"), 1);
}

TEST(CudaProgram, AProfileThatDoesNotFitIsRefused) {
  set_double("memory=100000");
  const Outcome outcome = ppplan("profile --backend cuda --model " + small_model() + " --max-tokens 16 --warm-up 0");
  EXPECT_EQ(outcome.status, 3);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("does not fit"));
}

TEST(CudaProgram, ARankSaysWhereItRan) {
  const std::string plan = plan_of_profile(" --pp 1 --dp 2");
  set_double();
  const Outcome outcome =
      ppplan("run --plan " + plan + " --backend cuda --transport nccl --micro-batches 3 --repeats 1 --format json");
  EXPECT_THAT(outcome.status, testing::AnyOf(0, 5)) << outcome.err;  // the double's clock means nothing
  const Json run = Json::parse(outcome.out);
  EXPECT_EQ(run.at("outputs_match"), true);
  EXPECT_EQ(run.at("correctness_only"), false);
  ASSERT_EQ(run.at("ranks").size(), 2u);  // a replica on each GPU
  for (const int replica : {0, 1}) {
    const Json& rank = run.at("ranks").at(static_cast<std::size_t>(replica));
    EXPECT_EQ(rank.at("replica"), replica);
    EXPECT_EQ(rank.at("gpu"), replica);
    EXPECT_EQ(rank.at("name"), kDevice);
    EXPECT_EQ(rank.at("planned"), kDevice);
  }
  EXPECT_EQ(run.at("replicas").at("planned"), 2);
  EXPECT_EQ(run.at("replicas").at("ran"), 2);
  ASSERT_EQ(run.at("replicas").at("makespans_s").size(), 2u);
  for (const Json& seconds : run.at("replicas").at("makespans_s")) EXPECT_GT(seconds, 0);
}

TEST(CudaProgram, LatentAttentionIsProfiledPlannedAndRun) {
  const std::string config = scratch("latent.json"), profile = scratch("latent_profile.json"),
                    plan = scratch("latent_plan.json");
  std::ofstream(config) << R"({"architectures": ["DeepseekV2ForCausalLM"], "model_type": "deepseek_v2",
    "hidden_size": 64, "intermediate_size": 32, "moe_intermediate_size": 16, "num_hidden_layers": 3,
    "num_attention_heads": 2, "q_lora_rank": 24, "kv_lora_rank": 256, "qk_nope_head_dim": 16, "qk_rope_head_dim": 32,
    "v_head_dim": 8, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1,
    "first_k_dense_replace": 1, "moe_layer_freq": 1, "vocab_size": 48, "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6, "torch_dtype": "bfloat16"})";
  set_double();
  const Outcome measured = ppplan("profile --backend cuda --model " + config +
                                  " --max-tokens 16 --max-batch 1 --max-kv 16 --max-message 65536 --warm-up 0 "
                                  "--seconds 1 --out " +
                                  profile);
  ASSERT_EQ(measured.status, 0) << measured.err;
  const Json gemms = read(profile).at("gemms");
  int of_heads = 0;
  for (const Json& gemm : gemms) of_heads += gemm.at("heads") == 2 ? 1 : 0;
  // Queries that absorb and values that are projected, for 16 rows and for one, of either kind of layer.
  EXPECT_EQ(of_heads, 2 * 2 * 2);
  const Outcome searched =
      ppplan("search --model " + config + " --gpu-spec '" + kDevice + ":mem=24GiB,bw=900GB/s,bf16=100TFLOPS' " +
             "--gpus 2x" + kDevice + " --profile " + profile + " --pp 2 --isl 16 --osl 4 --concurrency 2 " +
             "--max-num-batched-tokens 16 --max-model-len 64 --out " + plan);
  ASSERT_EQ(searched.status, 0) << searched.err;
  const Outcome outcome = ppplan("run --plan " + plan + " --backend cuda --micro-batches 3 --repeats 1 --format json");
  EXPECT_THAT(outcome.status, testing::AnyOf(0, 5)) << outcome.err;
  EXPECT_EQ(Json::parse(outcome.out).at("outputs_match"), true);
  EXPECT_EQ(Json::parse(outcome.out).at("provenance").at("costs"), "measured");
}

TEST(CudaProgram, AReplicaThatRanAloneIsCalledSo) {
  const std::string plan = plan_of_profile(" --pp 1 --dp 2");
  for (const std::string transport : {"local", "nccl"}) {
    set_double("devices=1");
    const std::string line =
        "run --plan " + plan + " --backend cuda --micro-batches 3 --repeats 1 --transport " + transport;
    EXPECT_THAT(ppplan(line).out, HasSubstr("one of the plan's 2 replicas ran, alone"));
    EXPECT_EQ(Json::parse(ppplan(line + " --format json").out).at("replicas").at("ran"), 1);
  }
}

// Processes share no double of NCCL, so ranks wait for messages that never come: what is left of a run whose peer dies.
TEST(CudaProgram, AKilledRankEndsAllAndIsNamed) {
  const std::string plan = plan_of_profile(" --pp 2");
  set_double();
  for (const double after_s : {0.1, 1.0, 3.0}) {
    Job job({"run", "--plan", plan, "--backend", "cuda", "--transport", "nccl", "--micro-batches", "3"});
    const std::vector<pid_t> ranks = job.ranks(2);
    ASSERT_EQ(ranks.size(), 2u);
    std::this_thread::sleep_for(std::chrono::duration<double>(after_s));
    kill(ranks[1], SIGKILL);
    EXPECT_EQ(job.ended(50), 6) << job.err();
    EXPECT_THAT(job.err(), HasSubstr("rank 1 was ended by signal 9"));
    EXPECT_EQ(job.out(), "");
    EXPECT_FALSE(is_alive(ranks[0]));
  }
}

TEST(CudaProgram, WithoutADeviceItIsUnavailable) {
  set_double("devices=0");
  const Outcome outcome = ppplan("profile --backend cuda --model " + small_model());
  EXPECT_EQ(outcome.status, 4);
  EXPECT_THAT(outcome.err, HasSubstr("no CUDA device"));
}

}  // namespace
}  // namespace ppplan::tests
