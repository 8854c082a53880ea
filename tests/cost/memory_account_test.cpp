#include "planner/cost/memory_account.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "planner/cost/activation_memory.h"
#include "planner/cost/assess.h"
#include "planner/spec/read_model.h"
#include "tests/cost/plan_for_test.h"

namespace ppplan {
namespace {

using tests::small_plan;

constexpr std::int64_t gibi = std::int64_t{1} << 30;

// Parameters of a small layer: attention 512*512 + 2*512*128 + 512*512 = 655,360; feed-forward 3*512*1024 = 1,572,864;
// norms 2*512 = 1,024. Together 2,229,248, in bf16 4,458,496 bytes.
constexpr std::int64_t layer_bytes = 4'458'496;
// Cosines and sines of 8,192 positions of 64 in bf16, on every rank.
constexpr std::int64_t table_bytes = 8192 * 64 * 2;

TEST(MemoryAccount, SumsWhatTheStageHolds) {
  spec::Plan plan = small_plan({3, 5});
  plan.provenance.vllm = "0.21";  // takes CUDA graphs off the budget
  cost::assess_memory(plan);
  EXPECT_EQ(plan.stages[0].memory.weights_bytes, table_bytes + 3 * layer_bytes);
  EXPECT_EQ(plan.stages[1].memory.weights_bytes, table_bytes + 5 * layer_bytes);
  EXPECT_EQ(plan.stages[0].memory.embedding_bytes, 4096 * 512 * 2);
  EXPECT_EQ(plan.stages[0].memory.head_bytes, 0);
  EXPECT_EQ(plan.stages[1].memory.embedding_bytes, 0);
  EXPECT_EQ(plan.stages[1].memory.head_bytes, 4096 * 512 * 2);
  for (const auto& stage : plan.stages) {
    const auto& m = stage.memory;
    EXPECT_EQ(m.budget_bytes - m.weights_bytes - m.embedding_bytes - m.head_bytes - m.activation_bytes -
                  m.sampler_bytes - m.cuda_graph_bytes,
              m.kv_bytes);
  }
}

TEST(MemoryAccount, KvOfATokenIsKeysAndValuesOfEveryLayer) {
  spec::Plan plan = small_plan({3, 5});
  cost::assess_memory(plan);
  // 2 KV heads * 64 * 2 (keys and values) * 2 bytes = 512 bytes a layer; whole blocks of 16 tokens.
  for (const auto& stage : plan.stages) {
    const std::int64_t block = 16 * 512 * (stage.end_layer - stage.first_layer);
    EXPECT_EQ(stage.kv_tokens, stage.memory.kv_bytes / block * 16);
  }
  EXPECT_EQ(plan.predicted.kv_tokens, std::min(plan.stages[0].kv_tokens, plan.stages[1].kv_tokens));
}

TEST(MemoryAccount, TensorParallelRanksShareWeightsAndKvHeads) {
  spec::Plan plan = small_plan({4}, 2);
  cost::assess_memory(plan);
  // Each rank has half of the matrices and all of the two norms: 2 * 512 * 2 bytes.
  EXPECT_EQ(plan.stages[0].memory.weights_bytes, table_bytes + 4 * ((layer_bytes - 2048) / 2 + 2048));
  EXPECT_EQ(plan.stages[0].kv_tokens, plan.stages[0].memory.kv_bytes / (16 * 256 * 4) * 16);
}

TEST(MemoryAccount, KvHeadsAreReplicatedBeyondTheirNumber) {
  spec::Plan plan = small_plan({4}, 4);
  cost::assess_memory(plan);
  // Two KV heads over four ranks: each rank holds one whole head, as with two ranks.
  EXPECT_EQ(plan.stages[0].kv_tokens, plan.stages[0].memory.kv_bytes / (16 * 256 * 4) * 16);
}

TEST(MemoryAccount, ATiedHeadIsHeldOnceWhereTheEmbeddingIs) {
  spec::Plan plan = small_plan({4});
  plan.model.tied_embedding = true;
  cost::assess_memory(plan);
  EXPECT_EQ(plan.stages[0].memory.head_bytes, 0);
  spec::Plan split = small_plan({2, 2});
  split.model.tied_embedding = true;
  cost::assess_memory(split);
  EXPECT_EQ(split.stages[1].memory.head_bytes, 4096 * 512 * 2);
}

TEST(MemoryAccount, TheSmallestCardOfAStageDecides) {
  spec::Plan plan = small_plan({4}, 2);
  plan.cluster.devices[1].memory_bytes = plan.cluster.devices[1].free_bytes = 4 * gibi;
  cost::assess_memory(plan);
  EXPECT_EQ(plan.stages[0].memory.budget_bytes, static_cast<std::int64_t>(std::ceil(0.9 * 4.0 * gibi)));
}

TEST(MemoryAccount, WeightsBeyondTheBudgetAreOutOfMemory) {
  spec::Plan plan = small_plan({4});
  for (auto& device : plan.cluster.devices) device.memory_bytes = device.free_bytes = 32 << 20;
  cost::assess_memory(plan);
  EXPECT_EQ(plan.verdict, spec::Verdict::oom);
  EXPECT_EQ(plan.stages[0].kv_tokens, 0);
  EXPECT_LT(plan.stages[0].memory.margin_bytes, 0);
}

TEST(MemoryAccount, MoreMemoryNeverHoldsFewerTokens) {
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    const int front = 1 + static_cast<int>(random() % 6), back = 1 + static_cast<int>(random() % 6);
    spec::Plan plan = small_plan({front, back});
    std::int64_t before = -1;
    for (std::int64_t memory = gibi / 4; memory <= 16 * gibi; memory = memory * 3 / 2) {
      for (auto& device : plan.cluster.devices) device.memory_bytes = device.free_bytes = memory;
      cost::assess_memory(plan);
      EXPECT_GE(plan.predicted.kv_tokens, before);
      before = plan.predicted.kv_tokens;
    }
  }
}

TEST(MemoryAccount, TheHostKeepsWhatItIsAskedTo) {
  spec::Plan plan = small_plan({3, 5});
  plan.engine.cpu_offload_bytes = 4 * layer_bytes;
  cost::assess_memory(plan);
  EXPECT_EQ(plan.stages[0].memory.weights_bytes, 0);  // no more than there is
  EXPECT_EQ(plan.stages[1].memory.weights_bytes, table_bytes + layer_bytes);
}

// Vllm issue 23230: 33.75 GiB in one piece for the recurrence of Nemotron-Nano-9B-v2's 27 layers in fp32, 256
// sequences of 128 heads of 80 with states of 128: 27 * 256 * 128 * 80 * 128 * 4. Beside them the convolutions'.
TEST(MemoryAccount, EngineV0KeepsStatesOfAllSequences) {
  spec::Plan plan = small_plan({56});
  plan.model = spec::read_model("nvidia/NVIDIA-Nemotron-Nano-9B-v2");
  plan.provenance.vllm = "0.10.1";
  plan.micro_batching.max_num_seqs = 256;
  spec::set_state_dtype(plan.model, spec::DType::fp32);
  const auto account = [&](const std::string& engine) {
    plan.engine.generation = engine;
    return cost::activation_memory(plan, plan.stages[0], engines::memory_rules(plan), 16).state_bytes;
  };
  EXPECT_EQ(account("V1"), 0);
  const std::int64_t recurrence = 27LL * 256 * 128 * 80 * 128 * 4;
  EXPECT_GE(account(""), recurrence);
  EXPECT_LT(account(""), recurrence + gibi);
}

// With 0.12 and 256 sequences of its own: 51 sizes up to 512, and 35 of them up to 256 a second time.
TEST(MemoryAccount, GraphsAreThoseThatTheServerIsTold) {
  spec::Plan plan = small_plan({2, 3});
  plan.provenance.vllm = "0.12";
  plan.micro_batching.max_num_seqs = 256;
  const auto graphs = [&](spec::GraphSettings told) {
    plan.engine.graphs = std::move(told);
    return cost::captured_layers(plan, plan.stages[1], engines::memory_rules(plan));
  };
  EXPECT_EQ(graphs({}), 3 * (51 + 35));
  EXPECT_EQ(graphs({{}, "PIECEWISE"}), 3 * 51);
  EXPECT_EQ(graphs({{}, "FULL_DECODE_ONLY"}), 3 * 35);
  EXPECT_EQ(graphs({{}, "NONE"}), 0);
  EXPECT_EQ(graphs({{1, 8, 512}, ""}), 3 * (3 + 2));
  EXPECT_EQ(graphs({{1, 8, 512}, "FULL"}), 3 * 3);
}

TEST(MemoryAccount, HalfOfWhatCompilingTakesIsCountedAndDoubted) {
  spec::Plan compiled = small_plan({4, 4});
  compiled.model.vocabulary = 1 << 20;  // an embedding of 1 GiB, above the forward pass
  compiled.provenance.vllm = "0.15";
  spec::Plan eager = compiled;
  eager.engine.enforce_eager = true;
  cost::assess_memory(compiled);
  cost::assess_memory(eager);
  const auto activation = [](const spec::Plan& plan, int stage) {
    return plan.stages[static_cast<std::size_t>(stage)].memory.activation_bytes;
  };
  // The peak while compiling is the embedding; what it exceeds the forward pass by is counted half, on the first stage.
  const std::int64_t counted = activation(compiled, 0) - activation(eager, 0);
  EXPECT_GT(counted, gibi / 4);
  EXPECT_LT(counted, gibi / 2);
  EXPECT_EQ(activation(compiled, 1), activation(eager, 1));
  EXPECT_GE(compiled.stages[0].memory.kv_uncertainty_bytes, counted);
}

TEST(MemoryAccount, CompilingDoesNotMeetTheEmbeddingBehindATower) {
  spec::Plan compiled = small_plan({4, 4});
  compiled.model.vocabulary = 1 << 20;
  compiled.model.tower.parameters = 1000;
  compiled.stages[0].tower = true;
  compiled.provenance.vllm = "0.15";
  spec::Plan eager = compiled;
  eager.engine.enforce_eager = true;
  cost::assess_memory(compiled);
  cost::assess_memory(eager);
  EXPECT_EQ(compiled.stages[0].memory.activation_bytes, eager.stages[0].memory.activation_bytes);
}

TEST(MemoryAccount, BothMarginsMustBeAboveZeroAtTheirLowEnds) {
  spec::Plan plan = small_plan({8});
  for (int utilization = 50; utilization <= 99; ++utilization) {
    plan.gpu_memory_utilization = utilization / 100.0;
    cost::assess_memory(plan);
    const spec::StageMemory& m = plan.stages[0].memory;
    const std::int64_t beside = plan.cluster.devices[0].free_bytes - m.budget_bytes - m.other_bytes;
    if (plan.verdict == spec::Verdict::fits) {
      EXPECT_GT(m.kv_bytes, m.kv_uncertainty_bytes);
      EXPECT_GT(beside, 0);
    }
    if (beside > gibi) {
      EXPECT_NE(plan.verdict, spec::Verdict::oom) << utilization;
    }
  }
}

TEST(MemoryAccount, AStatedKvCacheHasNoBand) {
  spec::Plan plan = small_plan({4, 4});
  cost::assess_memory(plan);
  EXPECT_GT(plan.stages[0].memory.kv_uncertainty_bytes, 0);
  const spec::Range band = plan.predicted.uncertainty.at("kv_tokens");
  EXPECT_LT(band.low, static_cast<double>(plan.predicted.kv_tokens));
  EXPECT_GT(band.high, static_cast<double>(plan.predicted.kv_tokens));
  plan.engine.kv_cache_memory_bytes = gibi;
  cost::assess_memory(plan);
  EXPECT_EQ(plan.stages[0].memory.kv_uncertainty_bytes, 0);
}

}  // namespace
}  // namespace ppplan
