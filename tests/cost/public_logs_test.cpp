// The account against what servers of other people reported at start-up.
#include <gtest/gtest.h>

#include <cmath>

#include "planner/cost/activation_memory.h"
#include "planner/cost/assess.h"
#include "planner/cost/memory_account.h"
#include "planner/engines/memory_rules.h"
#include "planner/input/document.h"
#include "planner/spec/read_model.h"
#include "tests/cost/plan_for_test.h"
#include "tests/source_dir.h"

namespace ppplan {
namespace {

using input::Node;

constexpr double gibi = 1024.0 * 1024 * 1024;

const input::Document& logs() {
  static const input::Document document = input::read_document(tests::source_dir() + "/tests/cost/public_logs.json");
  return document;
}

/// gpt-oss: hidden and expert width 2,880, 64 heads of 64, 8 KV heads, four experts a token, windows of 128 tokens in
/// every other layer; experts in mxfp4.
spec::ModelSpec gpt_oss(int layers, int experts) {
  spec::ModelSpec model;
  model.architecture = "GptOssForCausalLM";
  model.hidden = 2880;
  model.vocabulary = 201088;
  model.max_position = 131072;
  model.expert_dtype = spec::DType::mxfp4;
  spec::Layer layer;
  layer.attention = {.heads = 64, .kv_heads = 8, .head_dim = 64};
  layer.attention.qkv_bias = layer.attention.output_bias = layer.attention.sinks = true;
  layer.feed_forward.kind = spec::FeedForwardKind::moe;
  layer.feed_forward.intermediate = 2880;
  layer.feed_forward.experts = experts;
  layer.feed_forward.experts_per_token = 4;
  layer.feed_forward.router_bias = layer.feed_forward.expert_bias = true;
  model.layers.assign(static_cast<std::size_t>(layers), layer);
  for (std::size_t l = 0; l < model.layers.size(); l += 2) {
    model.layers[l].attention.kind = spec::AttentionKind::sliding_window;
    model.layers[l].attention.window = 128;
  }
  return model;
}

spec::ModelSpec model_of(const std::string& name) {
  if (name == "openai/gpt-oss-120b") return gpt_oss(36, 128);
  if (name == "openai/gpt-oss-20b") return gpt_oss(24, 32);
  return spec::read_model(name);
}

spec::Plan plan_of(const Node& log) {
  const spec::ModelSpec model = model_of(log.at("model").text());
  spec::Plan plan = tests::small_plan({static_cast<int>(model.layers.size())}, log.at("tp").count());
  plan.model = model;
  for (spec::Device& device : plan.cluster.devices)
    device.memory_bytes = std::llround(log.at("memory_gib").number() * gibi);
  // So much is free that the KV cache alone decides the margin and its uncertainty.
  for (spec::Device& device : plan.cluster.devices) device.free_bytes = 4 * device.memory_bytes;
  plan.gpu_memory_utilization = log.at("utilization").number();
  plan.max_model_len = log.at("max_model_len").count();
  plan.micro_batching.max_num_batched_tokens = log.at("max_num_batched_tokens").count();
  plan.micro_batching.max_num_seqs = log.at("max_num_seqs").count();
  plan.provenance.vllm = log.at("vllm").text();
  cost::assess_memory(plan);
  return plan;
}

double weights_gib(const spec::Plan& plan) {
  const spec::StageMemory& m = plan.stages.front().memory;
  return static_cast<double>(m.weights_bytes + m.embedding_bytes + m.head_bytes) / gibi;
}

/// Two rounded figures of a log are each off by half of the last digit they print.
constexpr double rounding_bytes = 0.01 * gibi;

TEST(PublicLogs, WeightsAreThoseThatServersLoaded) {
  for (const Node& log : logs().root().at("logs").items()) {
    if (!log.find("weights")) continue;
    const spec::Plan plan = plan_of(log);
    EXPECT_NEAR(weights_gib(plan), log.at("weights").number(), 0.02 * log.at("weights").number())
        << log.at("thread").text();
  }
}

TEST(PublicLogs, PeaksLieWithinTheStatedUncertainty) {
  for (const Node& log : logs().root().at("logs").items()) {
    if (!log.find("activation")) continue;
    const spec::Plan plan = plan_of(log);
    const engines::MemoryRules& rules = engines::memory_rules(plan.provenance.vllm);
    const auto parts = cost::activation_memory(plan, plan.stages.front(), rules, plan.engine.block_size);
    const auto forward = static_cast<double>(parts.forward_bytes);
    const auto sampler = static_cast<double>(parts.sampler_bytes);
    EXPECT_NEAR(
        forward + sampler, log.at("activation").number() * gibi,
        rules.value("forward_uncertainty") * forward + rules.value("sampler_uncertainty") * sampler + rounding_bytes)
        << log.at("thread").text();
  }
}

TEST(PublicLogs, KvBytesLieWithinTheUncertainty) {
  for (const Node& log : logs().root().at("logs").items()) {
    const spec::Plan plan = plan_of(log);
    const spec::Stage& stage = plan.stages.front();
    const double block = static_cast<double>(engines::block_bytes(cost::kv_layout(plan), 0, stage.end_layer));
    double kv = 0;
    if (const auto stated = log.find("kv"))
      kv = stated->number() * gibi;
    else if (const auto tokens = log.find("kv_tokens"))
      kv = tokens->number() / 16 * block;
    else
      continue;
    EXPECT_NEAR(static_cast<double>(stage.memory.kv_bytes), kv,
                static_cast<double>(stage.memory.uncertainty_bytes) + rounding_bytes)
        << log.at("thread").text();
  }
}

TEST(PublicLogs, BlocksFollowFromTheReportedBytes) {
  for (const Node& log : logs().root().at("logs").items()) {
    if (!log.find("kv_blocks") || !log.find("kv")) continue;
    const spec::Plan plan = plan_of(log);
    const double block = static_cast<double>(engines::block_bytes(cost::kv_layout(plan), 0, plan.partition.front()));
    EXPECT_NEAR(log.at("kv_blocks").number(), log.at("kv").number() * gibi / block, rounding_bytes / block);
  }
}

TEST(PublicLogs, CudaGraphsLieWithinTheirUncertainty) {
  for (const Node& log : logs().root().at("cuda_graphs").items()) {
    const engines::MemoryRules& rules = engines::memory_rules(log.at("vllm").text());
    // Where a thread does not say, one stage of a middling model with few sizes.
    const double graphs = log.find("graphs") ? log.at("graphs").number() : 30;
    const double layers = log.find("layers") ? log.at("layers").number() : 40;
    const double bytes = rules.value("cuda_graph_base_bytes") + graphs * layers * rules.value("cuda_graph_layer_bytes");
    EXPECT_NEAR(bytes, log.at("gib").number() * gibi, rules.value("cuda_graph_uncertainty_bytes") + rounding_bytes)
        << log.at("thread").text();
  }
}

TEST(PublicLogs, MemoryOutsideOfPyTorchLiesWithinItsUncertainty) {
  const engines::MemoryRules& rules = engines::memory_rules("0.7");
  for (const Node& log : logs().root().at("non_torch").items()) {
    const double bytes =
        rules.value("non_torch_bytes") + (log.at("cards").count() > 1 ? rules.value("non_torch_group_bytes") : 0);
    EXPECT_NEAR(bytes, log.at("gib").number() * gibi, rules.value("non_torch_uncertainty_bytes"))
        << log.at("thread").text();
  }
}

}  // namespace
}  // namespace ppplan
