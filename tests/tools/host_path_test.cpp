// The host path: profile, search, run, with real layers. Timing figures are the product's own claim (exit 0 or 5), so
// the assertions here are about structure and equal outputs, and about a prediction that is wrong by design.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "exec/cores.h"
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

TEST(HostPath, ReplicasRunSideBySide) {
  const std::string plan = scratch("host_replicas.json");
  const Outcome searched = ppplan("search --model tiny --gpus 2xcpu-core --tp 1 --dp 2 --pp 1 --profile " +
                                  host_profile() + " --out " + plan);
  ASSERT_EQ(searched.status, 0) << searched.err;
  const std::string line = "run --plan " + plan + " --micro-batches 3 --repeats 1";
  const Outcome alone = ppplan(line);
  EXPECT_THAT(alone.out, testing::HasSubstr("one of the plan's 2 replicas ran, alone"));
  const Outcome outcome = ppplan(line + " --backend tcp --format json");
  ASSERT_TRUE(outcome.status == 0 || outcome.status == 5) << outcome.err;
  const Json run = Json::parse(outcome.out);
  EXPECT_EQ(run.at("outputs_match"), true);
  EXPECT_EQ(run.at("stages").size(), 1U);
  EXPECT_EQ(run.at("replicas").at("planned"), 2);
  const std::size_t ran = exec::allowed_cores().size() > 1 ? 2 : 1;
  EXPECT_EQ(run.at("replicas").at("ran"), ran);
  EXPECT_EQ(run.at("replicas").at("makespans_s").size(), ran);
}

TEST(HostPath, LatentAttentionIsProfiledPlannedAndRun) {
  const std::string config = scratch("latent.json"), profile = scratch("latent_profile.json");
  std::ofstream(config) << R"({"architectures": ["DeepseekV2ForCausalLM"], "model_type": "deepseek_v2",
    "hidden_size": 128, "intermediate_size": 256, "moe_intermediate_size": 64, "num_hidden_layers": 5,
    "num_attention_heads": 4, "q_lora_rank": null, "kv_lora_rank": 64, "qk_nope_head_dim": 32, "qk_rope_head_dim": 16,
    "v_head_dim": 32, "n_routed_experts": 8, "num_experts_per_tok": 2, "n_shared_experts": 2,
    "first_k_dense_replace": 1, "moe_layer_freq": 1, "vocab_size": 512, "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6, "torch_dtype": "float32"})";
  const Outcome profiled = ppplan("profile --backend host --model " + config + " --seconds 4 --max-tokens 64 " +
                                  "--max-batch 4 --max-kv 64 --out " + profile);
  ASSERT_EQ(profiled.status, 0) << profiled.err;
  std::set<Json> shapes;
  const Json measured = Json::parse(std::ifstream(profile));
  for (const Json& operation : measured.at("operations"))
    if (operation.at("op") == "layer") shapes.insert(operation.at("shape"));
  EXPECT_EQ(shapes.size(), 2U);  // one dense, four of experts
  const std::string plan = scratch("latent_plan.json");
  const Outcome searched =
      ppplan("search --model " + config + " --gpus 2xcpu-core --tp 1 --dp 1 --pp 2 --profile " + profile +
             " --isl 64 --osl 8 --concurrency 2 --max-num-batched-tokens 64 " + "--max-model-len 128 --out " + plan);
  ASSERT_EQ(searched.status, 0) << searched.err;
  for (const std::string phase : {"prefill", "decode"}) {
    const Outcome outcome =
        ppplan("run --plan " + plan + " --phase " + phase + " --micro-batches 3 --repeats 1 " + "--format json");
    ASSERT_TRUE(outcome.status == 0 || outcome.status == 5) << outcome.err;
    EXPECT_EQ(Json::parse(outcome.out).at("outputs_match"), true) << phase;
    EXPECT_EQ(Json::parse(outcome.out).at("provenance").at("costs"), "measured") << phase;
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
