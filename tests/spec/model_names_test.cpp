#include "planner/spec/model_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/input/input_error.h"
#include "planner/spec/read_model.h"
#include "tests/spec/error_text.h"

namespace ppplan::spec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

WeightFormats formats(const ModelSpec& model) { return {model.dtype, model.attention_dtype, model.expert_dtype}; }

TEST(ModelNames, CheckpointsHaveTheirOwnQuantizationAndContext) {
  const ModelSpec coder = read_model("Qwen/Qwen3-Coder-30B-A3B-Instruct");
  EXPECT_EQ(coder.max_position, 262144);
  EXPECT_EQ(coder.dtype, DType::bf16);
  EXPECT_THAT(coder.notes, IsEmpty());
  const ModelSpec fp8 = read_model("Qwen/Qwen3-235B-A22B-FP8");
  EXPECT_EQ(formats(fp8), (WeightFormats{DType::fp8, DType::fp8, DType::fp8}));
  EXPECT_EQ(fp8.max_position, 40960);
  const ModelSpec thinking = read_model("moonshotai/Kimi-K2-Thinking");
  EXPECT_EQ(formats(thinking), (WeightFormats{DType::bf16, DType::bf16, DType::int4_g32}));
  EXPECT_THAT(thinking.notes, ElementsAre(HasSubstr("Kimi-K2.5")));
  EXPECT_EQ(formats(read_model("meta-llama/Llama-3.1-405B-Instruct-FP8")),
            (WeightFormats{DType::fp8, DType::bf16, DType::fp8}));
  EXPECT_EQ(formats(read_model("nvidia/DeepSeek-V3.1-NVFP4")),
            (WeightFormats{DType::nvfp4, DType::bf16, DType::nvfp4}));
}

TEST(ModelNames, EndingsAreReadAndSaidToBeAssumed) {
  const ModelSpec awq = read_model("cognitivecomputations/DeepSeek-R1-AWQ");
  EXPECT_EQ(formats(awq), (WeightFormats{DType::int4, DType::int4, DType::int4}));
  EXPECT_THAT(awq.notes, ElementsAre("cognitivecomputations/DeepSeek-R1-AWQ as deepseek-ai/DeepSeek-R1 with int4 in "
                                     "all matrices of the layers (by its ending -AWQ)",
                                     HasSubstr("attention in 16 bits")));
  EXPECT_EQ(read_model("Qwen/Qwen2.5-72B-Instruct-GPTQ-Int4").dtype, DType::int4);
  EXPECT_EQ(read_model("Qwen/Qwen2.5-72B-Instruct-GPTQ-Int8").dtype, DType::int8);
  EXPECT_EQ(read_model("RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic").dtype, DType::fp8);
  EXPECT_EQ(read_model("RedHatAI/Llama-3.3-70B-Instruct-quantized.w4a16").dtype, DType::int4);
  EXPECT_EQ(read_model("nvidia/Llama-3.3-70B-Instruct-NVFP4").dtype, DType::nvfp4);
  EXPECT_EQ(read_model("zai-org/GLM-4.7-FP8").max_position, 202752);
  EXPECT_EQ(read_model("unsloth/DeepSeek-R1-BF16").expert_dtype, DType::bf16);
  EXPECT_EQ(read_model("casperhansen/llama-3.3-70b-instruct-awq").layers.size(), 80U);
}

/// Per rank, all layers.
std::int64_t wide_attention(const ModelSpec& model) {
  std::int64_t sum = 0;
  for (const Layer& layer : model.layers) sum += wide_attention_bytes(model, layer, {.tp = 1});
  return sum;
}

TEST(ModelNames, AnEndingLeavesOpenWhetherAttentionStaysWide) {
  // One layer of 32: query and output 4096 x 4096, key and value 4096 x 1024; nvfp4 takes 0.5625 of 2 bytes.
  EXPECT_EQ(wide_attention(read_model("nvidia/Llama-3.1-8B-Instruct-NVFP4")),
            std::llround(32 * (2 * 4096.0 * 4096 + 2 * 4096.0 * 1024) * (2 - 0.5625)));
  EXPECT_EQ(wide_attention(read_model("hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4")), 0);
  EXPECT_GT(wide_attention(read_model("stelterlab/Qwen3-30B-A3B-AWQ")), 0);
  EXPECT_EQ(wide_attention(read_model("RedHatAI/Qwen3-30B-A3B-FP8-dynamic")), 0);
  EXPECT_GT(wide_attention(read_model("RedHatAI/Qwen3.6-27B-FP8-dynamic")), 0);
  EXPECT_EQ(wide_attention(read_model("Qwen/Qwen3.6-27B-FP8")), 0);
  EXPECT_EQ(wide_attention(read_model("nvidia/Qwen3.5-122B-A10B-NVFP4")), 0);
  ModelSpec converted = read_model("nvidia/Llama-3.1-8B-Instruct-NVFP4");
  set_weight_dtype(converted, DType::fp8);
  EXPECT_EQ(wide_attention(converted), 0);
}

TEST(ModelNames, ListedMixturesHaveAFormatForEachKindAndTheHead) {
  const ModelSpec mixed = read_model("nvidia/Qwen3.6-27B-NVFP4");
  EXPECT_EQ(formats(mixed), (WeightFormats{DType::nvfp4, DType::fp8, DType::nvfp4}));
  EXPECT_EQ(mixed.head_dtype, DType::nvfp4);
  // 248,320 x 5,120 numbers of 9 bits each.
  EXPECT_EQ(head_bytes(mixed), 715161600);
  // 9.63 GB of feed-forwards, 7.22 of attention, as the checkpoint's headers sum to, and what is in 16 bits.
  std::int64_t layers = 0;
  for (const Layer& layer : mixed.layers) layers += weight_bytes(mixed, layer);
  EXPECT_NEAR(static_cast<double>(layers), 9.63e9 + 7.22e9, 0.08e9);
}

TEST(ModelNames, OrganisationAndTuningDoNotChangeDimensions) {
  EXPECT_THAT(read_model("Qwen3-Coder-30B-A3B").notes,
              ElementsAre("Qwen3-Coder-30B-A3B as Qwen/Qwen3-Coder-30B-A3B-Instruct (by its name)"));
  EXPECT_EQ(read_model("Qwen/Qwen2.5-7B").hidden, 3584);
  EXPECT_EQ(read_model("google/gemma-3-27b").layers.size(), 62U);
  EXPECT_EQ(read_model("unsloth/Llama-3.1-8B-Instruct").hidden, 4096);
}

TEST(ModelNames, PathsAndPresetsOfOthersAreNoModels) {
  for (const char* name : {"./Qwen/Qwen3-8B", "/data/Qwen/Qwen3-8B", "a/b/Qwen3-8B", "org/tiny", "llama70b-AWQ", ""})
    EXPECT_FALSE(catalog_model(name)) << name;
}

TEST(ModelNames, AnotherFamilyOrSizeIsNoMisspelling) {
  EXPECT_THAT(possibly_meant("Qwen/Qwen2.5-VL-14B-Instruct"), IsEmpty());
  EXPECT_THAT(possibly_meant("Qwen/Qwen3-Sound-30B-A3B-Instruct"), IsEmpty());
  EXPECT_THAT(possibly_meant("meta-llama/Llama-3.1-80B"), IsEmpty());
  EXPECT_THAT(possibly_meant("deepseek-ai/DeepSeek-V9"), IsEmpty());
  EXPECT_THAT(possibly_meant("zai-org/GLM-4.5-Flash"), IsEmpty());
  EXPECT_THAT(possibly_meant("lama70b"), ElementsAre("llama70b"));
  EXPECT_THAT(possibly_meant("Qwen/Qwem3-8B"), ElementsAre("Qwen/Qwen3-8B"));
  EXPECT_THAT(error_text([] { read_model("Qwen/Qwen2.5-VL-14B-Instruct"); }), testing::Not(HasSubstr("did you mean")));
}

TEST(ModelNames, EveryListedNameIsReadAsItself) {
  for (const std::string& name : listed_names()) {
    const ModelSpec model = read_model(name);
    EXPECT_EQ(model.name, name);
    EXPECT_FALSE(model.layers.empty()) << name;
  }
  const auto names = listed_names();
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end()) << "no name stands for two models";
}

TEST(ModelNames, AListedCheckpointTellsWhatAFormatLeavesAlone) {
  const auto llama = listed_checkpoint("llama405b", DType::fp8);
  ASSERT_TRUE(llama);
  EXPECT_EQ(llama->id, "meta-llama/Llama-3.1-405B-Instruct-FP8");
  EXPECT_EQ(llama->formats.attention, DType::bf16);
  EXPECT_EQ(listed_checkpoint("kimi-k2", DType::int4)->id, "moonshotai/Kimi-K2-Thinking");
  EXPECT_EQ(listed_checkpoint("deepseek-r1", DType::fp8)->id, "deepseek-ai/DeepSeek-R1");
  EXPECT_FALSE(listed_checkpoint("llama70b", DType::nvfp4));
  EXPECT_FALSE(listed_checkpoint("nowhere/config.json", DType::fp8));
}

/// Weights of one card as a server's log or a report states them, in GiB.
struct Measured {
  const char* model;
  int tp;
  std::size_t layers;  // of a first pipeline stage; 0: all, with the head
  double gib;
  const char* source;
};

/// Embedding, head and tower divide over the ranks like the layers do.
double weights_gib(const ModelSpec& model, const Measured& row) {
  const std::size_t layers = row.layers > 0 ? row.layers : model.layers.size();
  std::int64_t ends = embedding_bytes(model) + tower_bytes(model);
  if (row.layers == 0 && !model.tied_embedding) ends += head_bytes(model);
  double total = static_cast<double>(ends) / row.tp;
  for (std::size_t i = 0; i < layers; ++i) total += static_cast<double>(layer_bytes(model, i, {row.tp, 0}));
  return total / (1 << 30);
}

TEST(ModelNames, CheckpointsHaveThePublishedSizes) {
  const Measured rows[] = {
      {"RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", 1, 0, 67.72, "llm-d/llm-d-benchmark#732"},
      {"RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", 2, 0, 33.88, "llm-d/llm-d-benchmark#732"},
      {"meta-llama/Llama-3.1-405B-Instruct-FP8", 8, 0, 57.752, "vllm-project/vllm#6746"},
      {"Qwen/Qwen2.5-VL-72B-Instruct", 4, 0, 34.43, "vllm-project/vllm#16570"},
      {"deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", 2, 0, 13.9476, "vllm-project/vllm#13061"},
      {"cognitivecomputations/DeepSeek-R1-AWQ", 16, 0, 21.21, "vllm-project/vllm#14447"},
      {"deepseek-ai/DeepSeek-V3-0324", 16, 0, 40.3173, "vllm-project/vllm#16692"},
      {"nytopop/Qwen3-30B-A3B.w4a16", 1, 0, 15.6841, "vllm-project/vllm#17327"},
      {"Qwen/Qwen3-4B", 1, 0, 7.6785, "kyuz0/amd-strix-halo-vllm-toolboxes#5"},
      {"Qwen/Qwen3-4B-Instruct-2507-FP8", 1, 0, 4.2299, "QwenLM/Qwen3#1700"},
      {"Qwen/Qwen3-32B-AWQ", 1, 21, 6.49, "a public log of Qwen3-32B-AWQ at pp 3, layers 21,22,21 (2026-06)"},
  };
  for (const Measured& row : rows)
    EXPECT_NEAR(weights_gib(read_model(row.model), row) / row.gib, 1, 0.03) << row.model << ", " << row.source;
}

}  // namespace
}  // namespace ppplan::spec
