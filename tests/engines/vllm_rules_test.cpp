#include "planner/engines/vllm_rules.h"

#include <gtest/gtest.h>

#include <random>

#include "planner/engines/vllm_version.h"
#include "planner/input/input_error.h"
#include "planner/spec/gpu_kind.h"
#include "planner/spec/read_model.h"

namespace ppplan::engines {
namespace {

spec::Device card(const std::string& name) { return spec::catalog_gpu(name, "--gpu").device; }

TEST(VllmVersion, IsReadFromReleaseNumbers) {
  EXPECT_EQ(vllm_version("0.26"), (VllmVersion{0, 26, 0}));
  EXPECT_EQ(vllm_version("v0.8.5.post1"), (VllmVersion{0, 8, 5}));
  EXPECT_EQ(vllm_version("0.14.0rc2"), (VllmVersion{0, 14, 0}));
  EXPECT_EQ(vllm_version("0.10.1.1"), (VllmVersion{0, 10, 1}));
  EXPECT_EQ(vllm_version("0.22.1rc0.dev3+gabc123"), (VllmVersion{0, 22, 1}));
  for (const char* text : {"", "0", "latest", "0.", ".8", "0.8.", "0.8.5foo", "0.8.5.1.1", "-0.8", "0.8 ", "99999.1"})
    EXPECT_THROW(vllm_version(text), input::InputError) << text;
}

TEST(VllmVersion, OlderThanTheTableIsRefused) {
  EXPECT_THROW(vllm_defaults("0.5.3", card("l4")), input::InputError);
  EXPECT_THROW(vllm_defaults("newest", card("l4")), input::InputError);
}

TEST(VllmDefaults, UtilizationRoseWithGraphAccounting) {
  EXPECT_EQ(vllm_defaults("0.20.2", card("l4")).gpu_memory_utilization, 0.9);
  EXPECT_FALSE(vllm_defaults("0.20.2", card("l4")).cuda_graphs_in_budget);
  EXPECT_EQ(vllm_defaults("0.21.0", card("l4")).gpu_memory_utilization, 0.92);
  EXPECT_TRUE(vllm_defaults("0.33", card("l4")).cuda_graphs_in_budget);
}

TEST(VllmDefaults, OfV0CutLongPromptsAsTheyAreTold) {
  const spec::ModelSpec model = spec::read_model("llama8b");
  const auto batch = [&](ServedAs served) {
    served.max_model_len = 65536;
    served.model = &model;
    return vllm_defaults("0.6.2", card("a100-80gb"), served).max_num_batched_tokens;
  };
  EXPECT_EQ(batch({}), 512);
  EXPECT_EQ(batch({.chunked_prefill = false}), 65536);
  EXPECT_EQ(batch({.adapters = true}), 65536);
  EXPECT_EQ(batch({.chunked_prefill = true, .adapters = true}), 512);
}

TEST(VllmDefaults, LeaveModelsWithStatesToV0Before0_10_2) {
  const spec::ModelSpec model = spec::read_model("nvidia/NVIDIA-Nemotron-Nano-9B-v2");
  const auto engine = [&](const std::string& version, const std::string& asked) {
    return vllm_defaults(version, card("l40s"), {.model = &model, .generation = asked}).engine;
  };
  EXPECT_EQ(engine("0.10.1", ""), "V0");
  EXPECT_EQ(engine("0.10.1", "V1"), "V1");
  EXPECT_EQ(engine("0.10.2", ""), "V1");
}

TEST(VllmDefaults, DependOnTheCardsMemory) {
  const auto tokens_and_seqs = [](const std::string& version, const std::string& name) {
    const VllmDefaults defaults = vllm_defaults(version, card(name));
    return std::pair(defaults.max_num_batched_tokens, defaults.max_num_seqs);
  };
  EXPECT_EQ(tokens_and_seqs("0.26", "h100-sxm"), std::pair(8192, 1024));
  EXPECT_EQ(tokens_and_seqs("0.26", "a100-sxm-80gb"), std::pair(2048, 256));
  EXPECT_EQ(tokens_and_seqs("0.8.1", "a100-sxm-80gb"), std::pair(2048, 1024));  // by name up to 0.8.4
  EXPECT_EQ(tokens_and_seqs("0.8.1", "h200"), std::pair(8192, 1024));
  EXPECT_EQ(tokens_and_seqs("0.8.1", "l4"), std::pair(2048, 1024));
  EXPECT_EQ(tokens_and_seqs("0.8.4", "l4"), std::pair(2048, 256));
  EXPECT_EQ(tokens_and_seqs("0.8.5", "a100-sxm-80gb"), std::pair(8192, 1024));
  EXPECT_EQ(tokens_and_seqs("0.8.5", "l4"), std::pair(2048, 256));
  EXPECT_EQ(tokens_and_seqs("0.26", "b200"), std::pair(8192, 1024));
  EXPECT_EQ(tokens_and_seqs("0.27", "b200"), std::pair(8192, 1024));
  EXPECT_EQ(tokens_and_seqs("0.28", "b200"), std::pair(16384, 1024));
  EXPECT_EQ(tokens_and_seqs("0.28", "h200"), std::pair(8192, 1024));
}

TEST(VllmDefaults, ListTheirVersionsInOrder) {
  const auto versions = known_vllm();
  for (std::size_t i = 1; i < versions.size(); ++i) EXPECT_LT(vllm_version(versions[i - 1]), vllm_version(versions[i]));
  EXPECT_LE(vllm_version(newest_vllm()), vllm_version(versions.back()));
  EXPECT_LE(vllm_version(versions.back()), vllm_version(latest_vllm_release()));
}

TEST(VllmDefaults, OfTheV0EngineFollowTheContext) {
  const spec::Device l4 = card("l4");
  // max(max_model_len, 2048); above 32768 tokens prefill is chunked by 512 tokens, by 2048 since 0.6.5.
  EXPECT_EQ(vllm_defaults("0.5.4", l4, {.stages = 2, .max_model_len = 1024}).max_num_batched_tokens, 2048);
  EXPECT_EQ(vllm_defaults("0.6.4", l4, {.max_model_len = 32768}).max_num_batched_tokens, 32768);
  EXPECT_EQ(vllm_defaults("0.6.4", l4, {.max_model_len = 32769}).max_num_batched_tokens, 512);
  EXPECT_EQ(vllm_defaults("0.7.3", l4, {.max_model_len = 131072}).max_num_batched_tokens, 2048);
  EXPECT_TRUE(vllm_defaults("0.7.3", l4, {.max_model_len = 131072}).chunked_prefill);
  EXPECT_FALSE(vllm_defaults("0.7.3", l4, {.max_model_len = 8192}).chunked_prefill);
  EXPECT_EQ(vllm_defaults("0.7.3", card("h100-sxm")).max_num_seqs, 256);
}

TEST(VllmDefaults, PipelinesStayedOnV0Until09) {
  const spec::Device h100 = card("h100-sxm");
  EXPECT_EQ(vllm_defaults("0.7.3", h100).engine, "V0");
  EXPECT_EQ(vllm_defaults("0.8.5", h100).engine, "V1");
  EXPECT_EQ(vllm_defaults("0.8.5", h100, {.stages = 2}).engine, "V0");
  EXPECT_EQ(vllm_defaults("0.9", h100, {.stages = 2}).engine, "V1");
}

TEST(VllmDefaults, OldCardsStayedOnV0UntilAReleaseAfterTheOthers) {
  const spec::Device t4 = card("t4");  // compute capability 7.5
  EXPECT_EQ(vllm_defaults("0.8", t4).engine, "V0");
  EXPECT_EQ(vllm_defaults("0.10.1.1", t4).engine, "V0");
  EXPECT_EQ(vllm_defaults("0.10.2", t4).engine, "V1");
  EXPECT_EQ(vllm_defaults("0.10.1", card("a10")).engine, "V1");
}

TEST(VllmDefaults, EarlyReleasesHadNoLeastBatchForImages) {
  const spec::ModelSpec vision = spec::read_model("qwen2-vl-7b");
  const spec::Device h100 = card("h100-sxm");
  EXPECT_EQ(vllm_defaults("0.6.3", h100, {.max_model_len = 4096, .model = &vision}).max_num_batched_tokens, 4096);
  EXPECT_EQ(vllm_defaults("0.7.3", h100, {.max_model_len = 4096, .model = &vision}).max_num_batched_tokens, 5120);
}

TEST(VllmDefaults, ModelsWithoutAFileForV1StayedOnV0) {
  const spec::ModelSpec vision = spec::read_model("llama-3.2-11b-vision"), text = spec::read_model("llama8b");
  const spec::Device h100 = card("h100-sxm");
  EXPECT_EQ(vllm_defaults("0.9.2", h100, {.model = &vision}).engine, "V0");
  EXPECT_EQ(vllm_defaults("0.9.2", h100, {.model = &text}).engine, "V1");
}

TEST(EngineOf, KeepsKeysAndValuesInFp8OnV1WithHopperAloneWhileBothEnginesWere) {
  const auto engine = [](const std::string& version, int capability, bool fp8) {
    return engine_of(version, {.capability = capability, .fp8_kv = fp8});
  };
  // FlashAttention 3, which reads keys and values in fp8, was built for compute capability 9.x.
  EXPECT_EQ(engine("0.8.5", 86, true), "V0");
  EXPECT_EQ(engine("0.10.1.1", 89, true), "V0");
  EXPECT_EQ(engine("0.8.5", 90, true), "V1");
  EXPECT_EQ(engine("0.8.5", 86, false), "V1");
  EXPECT_EQ(engine("0.11", 86, true), "V1");  // V0 was taken out
  EXPECT_EQ(engine("0.7.3", 90, true), "V0");
}

TEST(VllmDefaults, AsynchronousSchedulingReachedPipelinesOneReleaseLater) {
  const spec::Device h100 = card("h100-sxm");
  EXPECT_FALSE(vllm_defaults("0.13", h100).asynchronous);
  EXPECT_TRUE(vllm_defaults("0.14.1", h100).asynchronous);
  EXPECT_FALSE(vllm_defaults("0.14.1", h100, {.stages = 4}).asynchronous);
  EXPECT_TRUE(vllm_defaults("0.15", h100, {.stages = 4}).asynchronous);
}

TEST(VllmDefaults, NameTheSplitAndTheRunner) {
  spec::ModelSpec qwen = spec::read_model("Qwen/Qwen3-32B");
  const spec::Device h100 = card("h100-sxm");
  EXPECT_EQ(vllm_defaults("0.7.3", h100).default_split, "remainder_last");
  EXPECT_EQ(vllm_defaults("0.8", h100).default_split, "remainder_before_last");
  EXPECT_EQ(vllm_defaults("0.22", h100, {.model = &qwen}).runner, "V2");
  qwen.dtype = spec::DType::fp8;  // quantized weights moved one release later
  EXPECT_EQ(vllm_defaults("0.23", h100, {.model = &qwen}).runner, "V1");
  EXPECT_EQ(vllm_defaults("0.24", h100, {.model = &qwen}).runner, "V2");
}

TEST(VllmDefaults, ExistForEveryReleaseAndCard) {
  for (const std::string& version : known_vllm())
    for (const char* name : {"l4", "h100-sxm", "a100-sxm-80gb", "b200", "rtx4090", "cpu-core"})
      for (int stages : {1, 4}) {
        const VllmDefaults defaults = vllm_defaults(version, card(name), {.stages = stages});
        EXPECT_GE(defaults.max_num_batched_tokens, defaults.max_num_seqs) << version << ' ' << name;
        EXPECT_FALSE(vllm_row(version).at("source").text().empty()) << version;
      }
}

TEST(VersionWarning, IsToldPastWhatWasRead) {
  EXPECT_EQ(version_warning(newest_vllm()), "");
  EXPECT_EQ(version_warning(newest_vllm() + ".3"), "");
  EXPECT_EQ(version_warning("0.5.4"), "");
  EXPECT_NE(version_warning(latest_vllm_release()).find("extrapolated"), std::string::npos);
  EXPECT_NE(version_warning("0.5.3").find("begins with 0.5.4"), std::string::npos);
  EXPECT_THROW(version_warning("latest"), input::InputError);
}

TEST(BatchesInFlight, AreOneMoreOnTheV2Runner) {
  const spec::ModelSpec llama = spec::read_model("llama70b");
  const spec::ModelSpec qwen2 = spec::read_model("Qwen/Qwen2.5-72B-Instruct");
  const spec::ModelSpec mixtral = spec::read_model("mistralai/Mixtral-8x7B-v0.1");
  EXPECT_EQ(batches_in_flight("0.14", llama, 4), 4);
  EXPECT_EQ(batches_in_flight("0.22", llama, 4), 4);
  EXPECT_EQ(batches_in_flight("0.23", llama, 4), 5);
  EXPECT_EQ(batches_in_flight("0.23", qwen2, 4), 4);
  EXPECT_EQ(batches_in_flight("0.25", qwen2, 4), 5);
  EXPECT_EQ(batches_in_flight("0.28", mixtral, 4), 4);
  EXPECT_EQ(batches_in_flight("0.29", mixtral, 4), 5);
  EXPECT_EQ(batches_in_flight("0.7.3", mixtral, 4), 4);
}

TEST(BatchesInFlight, AreTwoOnOneStageScheduledAsynchronously) {
  const spec::ModelSpec llama = spec::read_model("llama8b");
  EXPECT_EQ(batches_in_flight("0.13", llama, 1), 1);
  EXPECT_EQ(batches_in_flight("0.14", llama, 1), 2);
  EXPECT_EQ(batches_in_flight("0.27", llama, 1), 2);
}

TEST(Ends, AreOnEveryStageOfExpertModelsOnly) {
  EXPECT_TRUE(ends_on_every_stage(spec::read_model("mistralai/Mixtral-8x22B-v0.1")));
  EXPECT_TRUE(ends_on_every_stage(spec::read_model("Qwen/Qwen3-235B-A22B")));
  EXPECT_FALSE(ends_on_every_stage(spec::read_model("llama70b")));
  EXPECT_FALSE(ends_on_every_stage(spec::read_model("Qwen/Qwen3-32B")));
}

TEST(TensorParallel, MustDivideTheHeads) {
  const spec::ModelSpec llama = spec::read_model("llama70b");  // 64 heads, 8 KV heads
  EXPECT_EQ(tensor_parallel_fault(llama, 6), "64 attention heads are not divisible by 6");
  for (int tp : {1, 2, 4, 8}) EXPECT_EQ(tensor_parallel_fault(llama, tp), "") << tp;
  EXPECT_NE(tensor_parallel_fault(llama, 0), "");
}

TEST(TensorParallel, ReplicatesFewerKvHeadsThanRanks) {
  const spec::ModelSpec qwen = spec::read_model("Qwen/Qwen3-30B-A3B");  // 32 heads, 4 KV heads, experts of 768 columns
  EXPECT_EQ(tensor_parallel_fault(qwen, 8), "");
  EXPECT_EQ(tensor_parallel_fault(qwen, 16), "");
  spec::ModelSpec odd = qwen;
  for (spec::Layer& layer : odd.layers) layer.attention.heads = 24, layer.attention.kv_heads = 8;
  EXPECT_EQ(tensor_parallel_fault(odd, 12), "8 KV heads are not divisible by 12");
}

TEST(TensorParallel, MustDivideTheFeedForwardBlock) {
  spec::ModelSpec model = spec::read_model("llama8b");
  for (spec::Layer& layer : model.layers) layer.feed_forward.intermediate = 14338;
  EXPECT_EQ(tensor_parallel_fault(model, 4), "14338 columns of the feed-forward block are not divisible by 4");
}

TEST(VllmVersion, OnlyEverThrowsInputErrors) {
  std::mt19937 random(3);
  const std::string alphabet = "0123456789.vrcpostdev+-_ \n";
  for (int round = 0; round < 20000; ++round) {
    std::string text(random() % 12, ' ');
    for (char& c : text) c = alphabet[random() % alphabet.size()];
    try {
      vllm_version(text);
    } catch (const input::InputError&) {
    }
  }
}

}  // namespace
}  // namespace ppplan::engines
