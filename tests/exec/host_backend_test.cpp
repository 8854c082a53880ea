// A pipeline must give what one device gives, bit for bit, however the model is cut and whatever order threads meet in.
#include "exec/cores.h"
#include "exec/host_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "exec/host_stage.h"
#include "exec/run_schedule.h"
#include "planner/input/input_error.h"
#include "tests/exec/models.h"
#include "tests/exec/schedules.h"

namespace ppplan::tests {
namespace {

using exec::HostBackend;
using exec::HostRun;
using exec::Logits;

spec::ModelSpec small_model(int layers) { return dense_model(layers, 2, 32, 40, 50); }

// Layers that all differ: experts, a window, biases, norms.
spec::ModelSpec mixed_model() {
  spec::ModelSpec model = small_model(6);
  for (const std::size_t moe : {1U, 4U}) {
    model.layers[moe].feed_forward = {spec::FeedForwardKind::moe, 24, 4, 2, moe == 4 ? 16 : 0};
  }
  model.layers[2].attention.kind = spec::AttentionKind::sliding_window;
  model.layers[2].attention.window = 5;
  model.layers[3].attention.qkv_bias = true;
  model.layers[5].attention.qk_norm = true;
  model.tied_embedding = true;
  return model;
}

// A small model of DeepSeek-V2's kind: latent attention, a dense layer first, then experts beside shared ones. Every
// second layer projects its queries from a latent, as the larger models do.
spec::ModelSpec latent_model(int layers) {
  spec::ModelSpec model = small_model(layers);
  for (std::size_t index = 0; index < model.layers.size(); ++index) {
    spec::Attention latent;
    latent.kind = spec::AttentionKind::mla;
    latent.heads = 3;
    latent.kv_lora_rank = 24;
    latent.nope_dim = 8;
    latent.rope_dim = 4;
    latent.value_dim = 6;
    latent.q_lora_rank = index % 2 == 0 ? 0 : 20;
    model.layers[index].attention = latent;
    if (index > 0) model.layers[index].feed_forward = {spec::FeedForwardKind::moe, 24, 4, 2, 16};
  }
  return model;
}

std::vector<spec::Stage> stages_of(const std::vector<int>& partition) {
  std::vector<spec::Stage> stages;
  int next = 0;
  for (const int layers : partition) {
    spec::Stage stage;
    stage.first_layer = next;
    stage.end_layer = next += layers;
    stages.push_back(stage);
  }
  stages.front().embedding = true;
  stages.back().head = true;
  return stages;
}

std::vector<int> random_partition(int layers, int stages, std::mt19937& random) {
  std::vector<int> partition(static_cast<std::size_t>(stages), 0);
  for (int layer = 0; layer < layers; ++layer) ++partition[random() % partition.size()];
  return partition;  // stages without layers are allowed
}

HostRun run_of(const spec::ModelSpec& model, const std::vector<int>& partition,
               std::vector<exec::MicroBatch> micro_batches, std::uint64_t seed) {
  HostRun run;
  run.model = model;
  run.stages = stages_of(partition);
  run.micro_batches = std::move(micro_batches);
  run.seed = seed;
  return run;
}

std::vector<Logits> pipeline_outputs(const HostRun& run, const schedule::Schedule& schedule) {
  HostBackend backend(run);
  exec::run_schedule(schedule, backend);
  return backend.outputs();
}

TEST(HostBackend, ChunkedPrefillEqualsOneDeviceForAnyPartition) {
  std::mt19937 random(3);
  const std::vector<spec::BatchShape> chunks{{2, 6, 0, false}, {2, 9, 6, false}, {2, 1, 15, false}, {2, 3, 16, true}};
  for (int trial = 0; trial < 12; ++trial) {
    const int pp = 1 + trial % 6;
    HostRun run = run_of(mixed_model(), random_partition(6, pp, random), exec::prefill_micro_batches(chunks, 8),
                         static_cast<std::uint64_t>(trial));
    run.receive_buffers = trial % 4;
    const auto outputs = pipeline_outputs(run, forward_schedule(pp, 8, run.receive_buffers));
    EXPECT_EQ(outputs, one_device_outputs(run)) << "trial " << trial;
    EXPECT_TRUE(outputs[2].empty());  // not the end of the prompt
    EXPECT_EQ(outputs[3].size(), 2U * 50U);
  }
}

TEST(HostBackend, DecodeRoundsEqualOneDeviceForAnyPartition) {
  std::mt19937 random(4);
  for (int trial = 0; trial < 12; ++trial) {
    const int pp = 1 + trial % 6, cohorts = 1 + trial % 3, rounds = 5;
    const HostRun run =
        run_of(mixed_model(), random_partition(6, pp, random),
               exec::decode_micro_batches({3, 1, 10, true}, cohorts, rounds), static_cast<std::uint64_t>(trial));
    const auto outputs = pipeline_outputs(run, decode_schedule(pp, cohorts, rounds, run.receive_buffers));
    EXPECT_EQ(outputs, one_device_outputs(run)) << "trial " << trial;
  }
}

TEST(HostBackend, LatentAttentionEqualsOneDeviceForAnyPartition) {
  std::mt19937 random(5);
  const std::vector<spec::BatchShape> chunks{{2, 6, 0, false}, {2, 9, 6, false}, {2, 1, 15, false}, {2, 3, 16, true}};
  for (int trial = 0; trial < 12; ++trial) {
    const int pp = 1 + trial % 5, cohorts = 1 + trial % 3;
    const auto seed = static_cast<std::uint64_t>(trial);
    const std::vector<int> partition = random_partition(5, pp, random);
    const HostRun prefill = run_of(latent_model(5), partition, exec::prefill_micro_batches(chunks, 8), seed);
    EXPECT_EQ(pipeline_outputs(prefill, forward_schedule(pp, 8, 2)), one_device_outputs(prefill)) << "trial " << trial;
    const HostRun decode =
        run_of(latent_model(5), partition, exec::decode_micro_batches({3, 1, 10, true}, cohorts, 4), seed);
    EXPECT_EQ(pipeline_outputs(decode, decode_schedule(pp, cohorts, 4, 2)), one_device_outputs(decode))
        << "trial " << trial;
  }
}

TEST(HostBackend, SecondRunAfterResetRepeatsTheFirst) {
  const HostRun run = run_of(small_model(4), {2, 2}, exec::decode_micro_batches({2, 1, 4, true}, 2, 4), 9);
  const schedule::Schedule schedule = decode_schedule(2, 2, 4, 2);
  HostBackend backend(run);
  exec::run_schedule(schedule, backend);
  const auto first = backend.outputs();
  backend.reset();
  EXPECT_THAT(backend.outputs(), testing::Each(testing::IsEmpty()));
  exec::run_schedule(schedule, backend);
  EXPECT_EQ(backend.outputs(), first);
}

TEST(HostBackend, OutputsDependOnSeedAndMicroBatch) {
  const auto batches = exec::prefill_micro_batches({{1, 5, 0, true}}, 2);
  const auto a = one_device_outputs(run_of(small_model(2), {2}, batches, 1));
  const auto b = one_device_outputs(run_of(small_model(2), {2}, batches, 2));
  EXPECT_NE(a[0], a[1]);
  EXPECT_NE(a[0], b[0]);
  for (const float logit : a[0]) EXPECT_TRUE(std::isfinite(logit));
}

TEST(HostBackend, DecodeTakesTheTokenThatWasSampled) {
  // After a micro-batch that does not sample, the token of the next step is drawn instead.
  const auto model = small_model(2);
  const auto sampled = one_device_outputs(run_of(model, {2}, {{{1, 4, 0, true}, -1}, {{1, 1, 4, true}, 0}}, 6));
  const auto drawn = one_device_outputs(run_of(model, {2}, {{{1, 4, 0, false}, -1}, {{1, 1, 4, true}, 0}}, 6));
  EXPECT_NE(sampled[1], drawn[1]);
}

TEST(HostStage, SamplesTheLargestLogitOfEachLastToken) {
  const auto model = small_model(1);
  exec::HostStage stage(model, stages_of({1}).front(), {6, 2, 3}, 1);
  const exec::KvSet kv(stage.shapes(), 0, {2, 3, 0}, 1, 0);
  std::vector<int> tokens{4, 9, 1, 2, 3, 49};
  kernels::host::Buffer x(6 * 32), logits(2 * 50);
  stage.embed(tokens, x.data());
  stage.run_layers({2, 3, 0}, kv, x.data(), x.data());
  std::vector<int> sampled(2);
  stage.sample({2, 3, 0}, x.data(), logits.data(), sampled.data());
  for (int s = 0; s < 2; ++s) {
    const float* row = logits.data() + 50 * s;
    EXPECT_EQ(row[sampled[static_cast<std::size_t>(s)]], *std::max_element(row, row + 50));
  }
}

TEST(HostBackend, RefusesDecodeWithoutTokenReturn) {
  const HostRun run = run_of(small_model(2), {1, 1}, exec::decode_micro_batches({1, 1, 4, true}, 1, 2), 1);
  HostBackend backend(run);
  EXPECT_THROW(exec::run_schedule(forward_schedule(2, 2, 2), backend), input::InputError);
}

TEST(HostBackend, RefusesOpsThatItCannotRun) {
  HostBackend backend(run_of(small_model(2), {1, 1}, exec::prefill_micro_batches({{1, 2, 0, true}}, 1), 1));
  schedule::Op op;
  op.key.kind = traces::OpKind::backward;
  EXPECT_THROW(backend.compute(0, op), input::InputError);
  op.key = {.kind = traces::OpKind::forward, .stage = 2};
  EXPECT_THROW(backend.compute(0, op), input::InputError);
  op.key = {.kind = traces::OpKind::forward, .micro_batch = 1};
  EXPECT_THROW(backend.compute(0, op), input::InputError);
  op.key = {.kind = traces::OpKind::forward, .replica = 1};
  EXPECT_THROW(backend.compute(0, op), input::InputError);
}

TEST(HostBackend, RefusesStagesThatDoNotFitTheModel) {
  const auto batches = exec::prefill_micro_batches({{1, 2, 0, true}}, 1);
  EXPECT_THROW(HostBackend(run_of(small_model(3), {1, 1}, batches, 1)), input::InputError);
  EXPECT_THROW(HostBackend(run_of(small_model(3), {2, 2}, batches, 1)), input::InputError);
  HostRun ends = run_of(small_model(2), {1, 1}, batches, 1);
  ends.stages[1].embedding = true;
  EXPECT_THROW(HostBackend(std::move(ends)), input::InputError);
  auto odd = small_model(2);
  odd.layers[1].attention.kv_heads = 3;
  EXPECT_THROW(HostBackend(run_of(odd, {1, 1}, batches, 1)), input::InputError);
}

// Rather than to compute something else under the model's name.
TEST(HostBackend, RefusesLayersThatItsKernelsDoNotCompute) {
  const auto batches = exec::prefill_micro_batches({{1, 2, 0, true}}, 1);
  const auto refused = [&](const auto& change) {
    spec::ModelSpec model = small_model(2);
    change(model.layers[1]);
    try {
      HostBackend backend(run_of(model, {1, 1}, batches, 1));
    } catch (const input::InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  using testing::HasSubstr;
  EXPECT_THAT(refused([](spec::Layer& layer) { layer.attention.kind = spec::AttentionKind::linear; }),
              HasSubstr("/layers/1: expected a layer that the kernels here compute"));
  const auto refused_latent = [&](int spec::Attention::*part, int value) {
    return refused([&](spec::Layer& layer) {
      layer = latent_model(2).layers[1];
      layer.attention.*part = value;
    });
  };
  EXPECT_EQ(refused_latent(&spec::Attention::heads, 3), "");
  EXPECT_THAT(refused_latent(&spec::Attention::index_heads, 4), HasSubstr("an indexer of sparse attention"));
  EXPECT_THAT(refused_latent(&spec::Attention::rope_dim, 5), HasSubstr("expected an even rope_dim"));
  EXPECT_THAT(refused_latent(&spec::Attention::nope_dim, 0), HasSubstr("found 3, 24, 0 and 6"));
  for (const auto part : {&spec::Attention::sinks, &spec::Attention::output_gate, &spec::Attention::output_bias,
                          &spec::Attention::shares_kv, &spec::Attention::value_is_key})
    EXPECT_NE(refused([&](spec::Layer& layer) { layer.attention.*part = true; }), "");
  for (const auto part :
       {&spec::FeedForward::shared_gate, &spec::FeedForward::router_bias, &spec::FeedForward::expert_bias})
    EXPECT_NE(refused([&](spec::Layer& layer) { layer.feed_forward.*part = true; }), "");
  EXPECT_THAT(refused([](spec::Layer& layer) { layer.feed_forward.gated = false; }), HasSubstr("without a gate"));
  EXPECT_THAT(refused([](spec::Layer& layer) { layer.feed_forward.narrow = 16; }), HasSubstr("behind a projection"));
  EXPECT_THAT(refused([](spec::Layer& layer) { layer.norms = 1; }), HasSubstr("one norm for attention"));
  EXPECT_THAT(refused([](spec::Layer& layer) { layer.own_embedding = 16; }), HasSubstr("an embedding of its own"));
  EXPECT_EQ(refused([](spec::Layer& layer) { layer.attention.window = 0; }), "");
}

TEST(HostBackend, RefusesWhatMemoryCannotHold) {
  auto model = small_model(2);
  model.vocabulary = 2000000000;
  model.hidden = 100000;  // 1.6e15 bytes of embedding and head
  EXPECT_THROW(HostBackend(run_of(model, {1, 1}, exec::prefill_micro_batches({{1, 2, 0, true}}, 1), 1)),
               input::InputError);
}

TEST(HostBackend, CountsWeightsAndCaches) {
  const HostRun run = run_of(small_model(2), {1, 1}, exec::decode_micro_batches({3, 1, 7, true}, 2, 2), 1);
  // Per layer: qkv 64*32, output 32*32, gate and up 80*32, down 32*40, norms 2*32, each a multiple of 16 floats.
  const std::int64_t layer = 64 * 32 + 32 * 32 + 80 * 32 + 32 * 40 + 2 * 32;
  // 2 cohorts of 3 sequences of up to 9 tokens; keys and values of 2*8 floats a token.
  const std::int64_t kv = 2 * 3 * 2 * 9 * 16;
  EXPECT_EQ(exec::host_bytes(run), 4 * (2 * layer + 2 * kv + 2 * 50 * 32));
}

TEST(HostBackend, CountsLatents) {
  const HostRun run = run_of(latent_model(2), {1, 1}, exec::decode_micro_batches({3, 1, 7, true}, 2, 2), 1);
  const auto rounded = [](std::int64_t count) { return (count + 15) / 16 * 16; };
  // Of both layers: two norms of 32, the norm of latents, projections of 3 heads of 8 and of 6 values from 24, and the
  // output. The first: queries of 3 heads of 12, then 24 and 4, from 32; gate and up, down.
  const std::int64_t both = 2 * 32 + rounded(24) + 3 * 8 * 24 + 3 * 6 * 24 + 32 * 18;
  const std::int64_t first = (36 + 28) * 32 + 80 * 32 + 32 * 40;
  // The second: a latent of 20 in place of the queries, normed and projected; a router and 4 experts of 24, shared ones
  // of 16.
  const std::int64_t second = (20 + 28) * 32 + rounded(20) + 36 * 20 + 4 * 32 + 4 * 3 * 24 * 32 + 3 * 16 * 32;
  // 2 cohorts of 3 sequences of up to 9 tokens of 28 floats.
  const std::int64_t kv = 2 * 3 * rounded(9 * 28);
  EXPECT_EQ(exec::host_bytes(run), 4 * (2 * both + first + second + 2 * kv + 2 * 50 * 32));
}

TEST(AllowedCores, ListsAtLeastOne) {
  const std::vector<int> cores = exec::allowed_cores();
  ASSERT_FALSE(cores.empty());
  EXPECT_TRUE(std::is_sorted(cores.begin(), cores.end()));
}

TEST(AllowedCores, RefusesCoresThatTheMachineLacks) {
  EXPECT_THROW(exec::pin_to_core(-1), input::InputError);
  EXPECT_THROW(exec::pin_to_core(1 << 20), input::InputError);
}

}  // namespace
}  // namespace ppplan::tests
