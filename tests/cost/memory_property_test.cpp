// Random clusters and models: what is called FITS has room on every stage in a recomputation that shares no code, more
// memory never holds less, and the order of equal cards does not matter.
#include <gtest/gtest.h>

#include <random>

#include "planner/cost/assess.h"
#include "planner/input/document.h"
#include "planner/spec/plan_json.h"
#include "planner/verify/plan_claims.h"
#include "tests/cost/plan_for_test.h"

namespace ppplan {
namespace {

using Random = std::mt19937;
using spec::AttentionKind;

int draw(Random& random, int low, int high) {
  return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
}

spec::Layer random_layer(Random& random) {
  spec::Layer layer;
  layer.attention = {.heads = 8, .kv_heads = 1 << draw(random, 0, 3), .head_dim = 64};
  switch (draw(random, 0, 5)) {
    case 0:
      layer.attention.kind = AttentionKind::sliding_window;
      layer.attention.window = 128 << draw(random, 0, 4);
      break;
    case 1:
      layer.attention = {.kind = AttentionKind::linear,
                         .key_heads = 4,
                         .value_heads = 8,
                         .key_head_dim = 64,
                         .value_head_dim = 64,
                         .conv_kernel = 4};
      break;
    case 2:
      layer.attention = {.kind = AttentionKind::none};
      break;
    default:
      break;
  }
  layer.feed_forward = {.intermediate = 512 * draw(random, 1, 8)};
  if (draw(random, 0, 2) == 0)
    layer.feed_forward = {
        .kind = spec::FeedForwardKind::moe, .intermediate = 512, .experts = 16, .experts_per_token = 4};
  layer.feed_forward.gated = draw(random, 0, 3) > 0;
  if (layer.feed_forward.kind == spec::FeedForwardKind::moe) layer.feed_forward.narrow = 128 * draw(random, 0, 2);
  if (layer.attention.kind != AttentionKind::none && draw(random, 0, 7) == 0)
    layer.feed_forward = {.kind = spec::FeedForwardKind::none};
  return layer;
}

/// What a server may be told of its graphs.
spec::GraphSettings random_graphs(Random& random) {
  const char* modes[] = {"", "NONE", "PIECEWISE", "FULL", "FULL_DECODE_ONLY", "FULL_AND_PIECEWISE"};
  spec::GraphSettings out;
  out.mode = modes[draw(random, 0, 5)];
  int size = 0;
  for (int sizes = draw(random, 0, 4); sizes > 0; --sizes) out.sizes.push_back(size += draw(random, 1, 200));
  return out;
}

/// One to three kinds of layers that repeat, over one to four stages with tp 1, 2 or 4.
spec::Plan random_plan(Random& random) {
  std::vector<int> partition;
  for (int s = draw(random, 1, 4); s > 0; --s) partition.push_back(draw(random, 1, 9));
  spec::Plan plan = tests::small_plan(partition, 1 << draw(random, 0, 2));
  std::vector<spec::Layer> kinds;
  for (int k = draw(random, 1, 3); k > 0; --k) kinds.push_back(random_layer(random));
  for (std::size_t l = 0; l < plan.model.layers.size(); ++l) plan.model.layers[l] = kinds[l % kinds.size()];
  plan.model.max_position = 1 << draw(random, 12, 17);
  plan.max_model_len = std::min(plan.model.max_position, 1000 * draw(random, 1, 60));
  plan.micro_batching.max_num_seqs = 1 << draw(random, 0, 9);
  plan.micro_batching.max_num_batched_tokens = std::max(plan.micro_batching.max_num_seqs, 512 << draw(random, 0, 5));
  plan.engine.enforce_eager = draw(random, 0, 1) == 1;
  plan.engine.graphs = random_graphs(random);
  if (draw(random, 0, 3) == 0) plan.engine.quantization = "fp8";
  if (draw(random, 0, 5) == 0) plan.engine.cpu_offload_bytes = std::int64_t{1} << draw(random, 20, 30);
  if (draw(random, 0, 3) == 0) plan.engine.generation = draw(random, 0, 1) == 0 ? "V0" : "V1";
  if (draw(random, 0, 2) == 0) plan.engine.moe_backend = draw(random, 0, 1) == 0 ? "marlin" : "triton";
  plan.engine.expert_parallel = draw(random, 0, 3) == 0;
  if (draw(random, 0, 3) == 0)
    plan.engine.adapters = {draw(random, 1, 4), draw(random, 1, 64), draw(random, 0, 1) == 1};
  if (draw(random, 0, 3) == 0) plan.model.expert_dtype = spec::DType::mxfp4;
  if (draw(random, 0, 7) == 0) plan.engine.kv_cache_memory_bytes = std::int64_t{1} << draw(random, 24, 32);
  if (draw(random, 0, 3) == 0) plan.corrections.push_back({"kv", draw(random, -50, 400) * 1'000'000, 0, "log"});
  const char* versions[] = {"", "0.8.5", "0.11", "0.13", "0.20", "0.26"};
  plan.provenance.vllm = versions[draw(random, 0, 5)];
  for (spec::Device& device : plan.cluster.devices) {
    device.memory_bytes = (std::int64_t{1} << 29) * draw(random, 1, 64);
    device.free_bytes = device.memory_bytes - (std::int64_t{1} << 20) * draw(random, 0, 900);
  }
  return plan;
}

void expect_verified(const spec::Plan& plan) {
  const input::Document document(spec::to_json(plan), "plan.json");
  const verify::PlanFacts facts = verify::plan_facts(document.root());
  verify::Checks checks;
  verify::add_memory_claims(facts, document.root().at("predicted"), checks);
  for (const verify::Check& check : checks) EXPECT_TRUE(check.holds) << check.claim << ": " << check.detail;
}

TEST(MemoryAccount, IsTheSameRecomputedForRandomModelsAndClusters) {
  Random random(11);
  int fits = 0;
  for (int i = 0; i < 3000; ++i) {
    spec::Plan plan = random_plan(random);
    cost::assess_memory(plan);
    expect_verified(plan);
    if (HasFailure()) FAIL() << "plan " << i;
    if (plan.verdict != spec::Verdict::fits) continue;
    ++fits;
    EXPECT_FALSE(plan.failure);
    EXPECT_GE(plan.longest_context, plan.max_model_len);
  }
  EXPECT_GT(fits, 300);
}

/// Blocks of latents grow with the layers that keep a state beside them, and the workspace with the blocks.
TEST(MemoryAccount, IsTheSameRecomputedForLatentsBesideStates) {
  Random random(15);
  for (int i = 0; i < 300; ++i) {
    spec::Plan plan = random_plan(random);
    const int every = draw(random, 1, 4);
    for (std::size_t l = 0; l < plan.model.layers.size(); ++l) {
      spec::Attention& attention = plan.model.layers[l].attention;
      if (l % static_cast<std::size_t>(every) == 0)
        attention = {.kind = AttentionKind::mla,
                     .heads = 8,
                     .kv_lora_rank = 128,
                     .nope_dim = 64,
                     .rope_dim = 32,
                     .value_dim = 64};
      else
        attention = {.kind = AttentionKind::linear,
                     .key_heads = 8,
                     .value_heads = 8,
                     .key_head_dim = 64,
                     .value_head_dim = 64,
                     .conv_kernel = 4};
    }
    cost::assess_memory(plan);
    expect_verified(plan);
    if (HasFailure()) FAIL() << "plan " << i;
  }
}

TEST(MemoryAccount, MoreMemoryNeverHoldsLess) {
  Random random(12);
  for (int i = 0; i < 500; ++i) {
    spec::Plan plan = random_plan(random);
    std::int64_t tokens = 0, longest = 0;
    for (int step = 0; step < 6; ++step) {
      cost::assess_memory(plan);
      EXPECT_GE(plan.predicted.kv_tokens, tokens);
      EXPECT_GE(plan.longest_context, longest);
      tokens = plan.predicted.kv_tokens;
      longest = plan.longest_context;
      spec::Device& device = plan.cluster.devices[random() % plan.cluster.devices.size()];
      const std::int64_t more = (std::int64_t{1} << 27) * draw(random, 1, 20);
      device.memory_bytes += more;
      device.free_bytes += more;
    }
  }
}

TEST(MemoryAccount, EqualCardsMayStandInAnyOrder) {
  Random random(13);
  for (int i = 0; i < 300; ++i) {
    spec::Plan plan = random_plan(random);
    for (spec::Device& device : plan.cluster.devices) {
      device.memory_bytes = plan.cluster.devices.front().memory_bytes;
      device.free_bytes = plan.cluster.devices.front().free_bytes;
    }
    cost::assess_memory(plan);
    spec::Plan other = plan;
    const int last = static_cast<int>(plan.cluster.devices.size()) - 1;
    for (spec::Stage& stage : other.stages)
      for (auto& group : stage.devices)
        for (int& device : group) device = last - device;
    cost::assess_memory(other);
    for (std::size_t s = 0; s < plan.stages.size(); ++s) EXPECT_EQ(plan.stages[s].memory, other.stages[s].memory);
    EXPECT_EQ(plan.longest_context, other.longest_context);
  }
}

}  // namespace
}  // namespace ppplan
