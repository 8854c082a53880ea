// What people ask of a configuration that they have, a crash that they had, and a plan that they take elsewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/source_dir.h"
#include "tests/tools/command.h"

namespace ppplan::tests {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Json = nlohmann::json;

Json json_of(const Outcome& outcome) { return Json::parse(outcome.out); }

std::string written(const std::string& name, const std::string& text) {
  const std::string path = scratch(name);
  std::ofstream(path) << text;
  return path;
}

/// Runs a line of shell and returns its exit status.
int shell(const std::string& line) { return std::system(line.c_str()); }  // NOLINT: the shell is wanted

TEST(Check, SaysWhereStartUpEndsAndByHowMuch) {
  // 70 billion parameters of two bytes over two cards of 24 GiB.
  const Outcome outcome = ppplan("check --model llama70b --gpus 2xrtx4090 --tp 2 --format json");
  EXPECT_EQ(outcome.status, 3) << outcome.err;
  const Json document = json_of(outcome);
  EXPECT_EQ(document.at("format"), "ppplan/check/1");
  EXPECT_EQ(document.at("verdict"), "OOM");
  EXPECT_EQ(document.at("fails_at"), "weights");
  EXPECT_EQ(document.at("stage"), 0);
  EXPECT_GT(document.at("short_bytes"), 40LL << 30);
}

// "Bfloat16 is only supported on GPUs with compute capability of at least 8.0": asked for, or left so before 0.9.
TEST(Check, ServersThatAskForBf16OfACardWithoutItAreRefused) {
  const auto check = [](const std::string& version, const std::string& more) {
    return ppplan("check --gpus 1 --gpu t4 --vllm " + version +
                  " -- vllm serve Qwen/Qwen2.5-0.5B-Instruct --max-model-len 4096 " + more);
  };
  for (const auto& [version, more] : {std::pair("0.12", "--dtype bfloat16"), std::pair("0.8.4", "")}) {
    const Outcome outcome = check(version, more);
    EXPECT_EQ(outcome.status, 2) << version;
    EXPECT_THAT(outcome.err, HasSubstr("expected half, since t4 has no bf16")) << version;
  }
  EXPECT_EQ(check("0.8.4", "--dtype half").status, 0);
  EXPECT_EQ(check("0.12", "").status, 0);
}

// 1536 columns of an expert over 8 ranks are 192, no whole blocks of 128.
TEST(Check, BlocksOfFp8AreNotCut) {
  const std::string line = "check --gpus 8 --gpu h100-sxm -- vllm serve Qwen/Qwen3-235B-A22B-FP8 -tp 8";
  const Outcome outcome = ppplan(line);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("slices of 192 over 8 ranks"));
  EXPECT_EQ(ppplan(line + " --enable-expert-parallel").status, 0);
}

struct Asked {
  const char *version, *line, *kept;
};

TEST(Check, WhatALineAsksOfTheServerStaysInThePrintedOne) {
  for (const Asked& asked : {
           Asked{"0.12", "vllm serve Qwen/Qwen3-8B --cpu-offload-gb 4", "--cpu-offload-gb 4"},
           Asked{"0.7.3", "vllm serve Qwen/Qwen3-8B --enable-chunked-prefill=False", "--enable-chunked-prefill=False"},
           Asked{"0.8.5", "VLLM_ATTENTION_BACKEND=XFORMERS vllm serve Qwen/Qwen3-8B", R"("VLLM_USE_V1":"0")"},
           Asked{"0.12", "vllm serve Qwen/Qwen3-8B -cc.cudagraph_mode PIECEWISE", "PIECEWISE"},
           Asked{"0.12", "vllm serve Qwen/Qwen3-8B --max-cudagraph-capture-size 4", "[1,2,4]"},
           Asked{"0.9", "vllm serve Qwen/Qwen3-8B -O0", R"(\"level\":0)"},
           Asked{"0.25", "vllm serve openai/gpt-oss-20b --moe-backend marlin", "--moe-backend marlin"},
           Asked{"0.12", "VLLM_MXFP4_USE_MARLIN=1 vllm serve openai/gpt-oss-20b", "VLLM_MXFP4_USE_MARLIN"},
           Asked{"0.12", "vllm serve ibm-granite/granite-4.0-h-tiny --mamba-ssm-cache-dtype float32",
                 "-ssm-cache-dtype"},
       }) {
    const Outcome outcome =
        ppplan(std::string("check --gpus 1xl40s --format json --vllm ") + asked.version + " -- " + asked.line);
    ASSERT_EQ(outcome.status, 0) << asked.line << outcome.err;
    EXPECT_THAT(json_of(outcome).at("launch").dump(), HasSubstr(asked.kept)) << asked.line;
    EXPECT_EQ(ppplan("verify " + written("asked.json", outcome.out)).status, 0) << asked.line;
  }
}

// Full graphs of decode steps take a block for each sequence's state: 256 sequences, about a hundred blocks.
TEST(Check, HybridsOfZeroSeventeenDieWhereTheyCaptureMoreThanTheyHaveStates) {
  const std::string line = "check --gpus 1xrtx4090 --vllm 0.17.0 -- vllm serve Qwen/Qwen3.5-9B --max-model-len 4096";
  EXPECT_EQ(ppplan(line).status, 3);
  EXPECT_EQ(ppplan(line + " --enforce-eager").status, 0);
  EXPECT_EQ(ppplan(line + " --max-num-seqs 16").status, 0);
}

// vLLM issue 31273: 0.12 loads 135 GiB in 16 bits on 139.8, 0.13 holds both formats; later ones convert as they read.
TEST(Check, WeightsThatAreConvertedMustBeLoadedFirst) {
  const auto check = [](const std::string& version) {
    return ppplan("check --gpus 1 --gpu h20-3e --format json --vllm " + version +
                  " -- vllm serve Qwen/Qwen2.5-72B-Instruct --max-num-seqs 64 --quantization fp8");
  };
  EXPECT_EQ(check("0.12").status, 0);
  EXPECT_EQ(check("0.15").status, 0);
  const Outcome refused = check("0.13");
  EXPECT_EQ(refused.status, 3);
  EXPECT_EQ(json_of(refused).at("fails_at"), "weights");
  EXPECT_EQ(ppplan("verify " + written("converted.json", refused.out)).status, 0);
}

TEST(Check, WhatFitsExitsZeroAndVerifies) {
  const Outcome outcome = ppplan("check --model llama8b --gpus 1xa100-sxm-80gb --max-model-len 16384 --format json");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(json_of(outcome).at("verdict"), "FITS");
  const Outcome verified = ppplan("verify " + written("check.json", outcome.out));
  EXPECT_EQ(verified.status, 0) << verified.out;
}

TEST(Check, ContextsBeyondTheModelsNeedTheServersOwnWord) {
  // Qwen2.5-7B takes 32,768 tokens by itself.
  const std::string line = "vllm serve Qwen/Qwen2.5-7B-Instruct --max-model-len 40000 --kv-cache-dtype fp8";
  const Outcome refused = ppplan("check --gpus 1xa100-sxm-80gb -- " + line);
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("32768"));
  const std::string asked = "check --gpus 1xa100-sxm-80gb --format json -- VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 " + line;
  const Outcome outcome = ppplan(asked);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json plan = json_of(outcome);
  EXPECT_EQ(plan.at("inputs").at("max_model_len"), 40000);
  EXPECT_GE(plan.at("longest_context"), 40000);
  EXPECT_EQ(plan.at("launch").at("env").at("VLLM_ALLOW_LONG_MAX_MODEL_LEN"), "1");
  const Outcome verified = ppplan("verify " + written("long.json", outcome.out));
  EXPECT_EQ(verified.status, 0) << verified.out;
}

int asked_context(const std::string& line) {
  const Outcome outcome = ppplan("check --gpus 1xh200-sxm --format json --vllm 0.10.2 -- vllm serve " + line);
  EXPECT_THAT(outcome.status, AnyOf(0, 3)) << outcome.err;
  return outcome.out.empty() ? 0 : json_of(outcome).at("inputs").at("max_model_len").get<int>();
}

TEST(Check, ContextsAreStretchedByTheRotaryEmbeddingsThatStretch) {
  const std::string yarn = R"('{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":32768}')";
  EXPECT_EQ(asked_context("Qwen/Qwen3-8B --rope-scaling " + yarn), 131072);
  EXPECT_EQ(asked_context(R"(Qwen/Qwen3-8B --hf-overrides '{"text_config":{},"max_position_embeddings":65536}')"),
            65536);
  // The factor of llama3 is in the model's 131,072 already.
  EXPECT_EQ(
      asked_context(R"(meta-llama/Llama-3.1-8B-Instruct --hf-overrides '{"rope_parameters":{"rope_type":"llama3",)"
                    R"("factor":8,"original_max_position_embeddings":8192}}')"),
      131072);
  EXPECT_EQ(asked_context(R"(meta-llama/Llama-2-7b-hf --rope-scaling '{"type":"dynamic","factor":4}' )"
                          "--max-model-len 16384"),
            16384);
  for (const char* flag : {R"(--hf-overrides '{"max_position_embeddings":4096}')", "--rope-scaling '[1]'"})
    EXPECT_EQ(ppplan("check --gpus 1xh200-sxm --vllm 0.10.2 -- vllm serve Qwen/Qwen3-8B --max-model-len 90000 " +
                     std::string(flag))
                  .status,
              2);
}

TEST(Check, WeightsThatTheServerConvertsAreConvertedByTheLineToo) {
  const Outcome outcome = ppplan(
      "check --gpus 1xrtx3090 --format json -- vllm serve Qwen/Qwen3-14B --quantization bitsandbytes "
      "--max-model-len 8192");
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(json_of(outcome).at("launch").dump(), HasSubstr("bitsandbytes"));
}

TEST(Check, MoreImagesThanAnyMemoryHoldsAreAnAnswer) {
  const Outcome outcome = ppplan(
      "check --gpus 1xl4 --vllm 0.8.5 -- vllm serve meta-llama/Llama-3.2-11B-Vision-Instruct "
      R"(--limit-mm-per-prompt '{"image": 2147483647}')");
  EXPECT_EQ(outcome.status, 3) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("OOM: start-up ends at the profile run"));
}

TEST(Check, ReadsAServerLineAsItIs) {
  const Outcome outcome = ppplan(
      "check --gpus 8xl4 --format json -- VLLM_PP_LAYER_PARTITION=9,10,10,10,10,10,11,10 vllm serve "
      "meta-llama/Llama-3.1-70B -pp 8 --quantization fp8 --max-model-len=8k --swap-space 4 --enforce-eager");
  ASSERT_THAT(outcome.status, AnyOf(0, 3)) << outcome.err;
  const Json plan = json_of(outcome);
  EXPECT_EQ(plan.at("partition"), Json({9, 10, 10, 10, 10, 10, 11, 10}));
  EXPECT_EQ(plan.at("inputs").at("max_model_len"), 8000);
  EXPECT_EQ(plan.at("stages").at(0).at("memory").at("cuda_graph_bytes"), 0);
  EXPECT_THAT(outcome.err, HasSubstr("--swap-space"));
}

TEST(Check, OffersAPartitionThatStartsWhereTheDefaultDoesNot) {
  // 24 and 12 GiB: half of the layers do not fit on the small card.
  const std::string cards = "--model Qwen/Qwen3-14B --gpus 1xrtx3090,1xrtx3060 --pp 2 --max-model-len 4096 ";
  const Outcome outcome = ppplan("check " + cards + "--max-num-seqs 16 --max-num-batched-tokens 2048 --format json");
  ASSERT_EQ(outcome.status, 3) << outcome.err;
  const Json document = json_of(outcome);
  ASSERT_TRUE(document.contains("mended")) << document.at("warnings");
  EXPECT_THAT(document.at("mended").at("verdict"), AnyOf("FITS", "TIGHT"));
  const Json& mended = document.at("mended");
  const std::size_t large = mended.at("stages").at(0).at("devices").at(0).at(0) == 0 ? 0 : 1;
  EXPECT_GT(mended.at("partition").at(large), mended.at("partition").at(1 - large));
}

TEST(Check, NeedsOneQuestion) {
  EXPECT_EQ(ppplan("check --gpus 8").status, 2);
  EXPECT_EQ(ppplan("check --model llama8b --plan x.json").status, 2);
  EXPECT_EQ(ppplan("check --gpus 2xl4 -- vllm bench serve").status, 2);
}

TEST(Doctor, NamesTheCauseAndWritesACalibrationThatCheckTakes) {
  const std::string log = source_dir() + "/tests/fuzz/corpus/log/v1.log";
  const std::string calibration = scratch("calibration.json");
  const Outcome outcome =
      ppplan("doctor --log " + log + " --gpus 2xa100-sxm-40gb --out " + calibration + " --format json");
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json document = json_of(outcome);
  EXPECT_EQ(document.at("place"), "context");
  EXPECT_THAT(document.at("cause").get<std::string>(), HasSubstr("32768"));
  EXPECT_FALSE(document.at("advice").empty());
  EXPECT_EQ(document.at("calibration").at("format"), "ppplan/calibration/1");
  const Outcome check =
      ppplan("check --model Qwen/Qwen3-32B --gpus 2xa100-sxm-40gb --pp 2 --calibration " + calibration);
  EXPECT_THAT(check.status, AnyOf(0, 3)) << check.err;
}

TEST(Doctor, SaysThatAFileIsNoLog) {
  const Outcome outcome = ppplan("doctor --log " + written("no.log", "hello\nworld\n"));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("no line"));
}

TEST(Emit, ShellEvaluatesToTheServersWords) {
  // A server that prints its words and its environment.
  const std::string search = std::string(PPPLAN_PROGRAM) +
                             " search --model Qwen/Qwen3-14B --gpus 1xrtx3090,2xrtx3060 --pp 3 --emit shell --quiet";
  const std::string script =
      written("eval.sh",
              "vllm() { echo \"$CUDA_VISIBLE_DEVICES|$VLLM_PP_LAYER_PARTITION|$*\"; }\neval \"$(" + search + ")\"\n");
  const std::string seen = scratch("seen");
  ASSERT_EQ(shell("/bin/sh " + script + " > " + seen), 0);
  std::ifstream in(seen);
  std::string line;
  std::getline(in, line);
  EXPECT_THAT(line, HasSubstr("|serve Qwen/Qwen3-14B --pipeline-parallel-size 3"));
  EXPECT_THAT(line, testing::MatchesRegex("[0-2],[0-2],[0-2]\\|[0-9]+,[0-9]+,[0-9]+\\|.*"));
}

TEST(Emit, EveryKindOfTextComesForOneNodeAndForThree) {
  for (const char* kind : {"shell", "docker", "k8s", "sglang"})
    for (const char* cards : {"--gpus 4xl40s", "--gpus 3xrtx3090 --nodes 3"}) {
      const Outcome outcome =
          ppplan("search --model Qwen/Qwen3-14B " + std::string(cards) + " --pp 3 --tp 1 --emit " + kind);
      EXPECT_EQ(outcome.status, 0) << kind << " " << cards << outcome.err;
      EXPECT_THAT(outcome.out, HasSubstr("Qwen/Qwen3-14B")) << kind;
      if (std::string(kind) == "k8s") continue;
      EXPECT_EQ(shell("/bin/sh -n " + written("emitted.sh", outcome.out)), 0) << kind << outcome.out;
    }
}

TEST(Export, GivesEveryFormAndNamesTheOthers) {
  const std::string plan = scratch("export_plan.json");
  ASSERT_EQ(ppplan("search --model llama70b --gpus 8 --pp 4 --tp 2 --out " + plan).status, 0);
  for (const char* form : {"vllm", "sglang", "megatron", "deepspeed", "torch-csv", "llama-cpp"}) {
    const Outcome outcome = ppplan("export --plan " + plan + " --to " + form);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_THAT(outcome.out, Not(IsEmpty())) << form;
  }
  const Outcome unknown = ppplan("export --plan " + plan + " --to tensorrt");
  EXPECT_EQ(unknown.status, 2);
  EXPECT_THAT(unknown.err, HasSubstr("megatron"));
}

struct Mixed {
  const char* name;
  const char* arguments;
};

class MixedCards : public testing::TestWithParam<Mixed> {};

TEST_P(MixedCards, GetAPlanThatPastesAndVerifies) {
  const std::string path = scratch("mixed.json");
  const Outcome outcome = ppplan(std::string("search ") + GetParam().arguments + " --out " + path);
  ASSERT_EQ(outcome.status, 0) << outcome.err << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("VLLM_PP_LAYER_PARTITION="));
  EXPECT_THAT(outcome.out, HasSubstr("CUDA_DEVICE_ORDER=PCI_BUS_ID"));
  const Outcome verified = ppplan("verify " + path);
  EXPECT_EQ(verified.status, 0) << verified.out;
}

INSTANTIATE_TEST_SUITE_P(
    People, MixedCards,
    testing::Values(Mixed{"SixteenAndThirtyTwo",
                          "--model Qwen/Qwen3-30B-A3B --dtype fp8 --gpus 1xrtx5070ti,1xrtx5090 --pp 2"},
                    Mixed{"OneLargeTwoSmall", "--model Qwen/Qwen3-14B --gpus 1xrtx3090,2xrtx3060 --pp 3"},
                    Mixed{"SevenDifferent",
                          "--model Qwen/Qwen3-32B --gpus "
                          "1xrtx3090,1xrtx4090,1xrtx3060,1xrtxa6000,1xl4,1xrtx5090,1xa10 --pp 7"},
                    Mixed{"TwoKindsTwoByTwo", "--model Qwen/Qwen3-32B --gpus 1xl4,2xl40s,1xl4 --tp 2 --pp 2"}),
    [](const auto& info) { return info.param.name; });

TEST(MixedNodes, ThreeNodesOfOneCardSayWhatEachRuns) {
  const Outcome outcome = ppplan("search --model Qwen/Qwen3-14B --gpus 3xrtx3090 --nodes 3 --pp 3 --emit shell");
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  for (const char* word : {"NODE_RANK", "HEAD_ADDR", "VLLM_PP_LAYER_PARTITION"})
    EXPECT_THAT(outcome.out, HasSubstr(word));
}

}  // namespace
}  // namespace ppplan::tests
