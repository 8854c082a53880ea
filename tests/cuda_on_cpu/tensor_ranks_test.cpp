// Tensor parallelism on the doubles: ranks that share every layer of a stage give one device's logits, for random small
// models and whatever order streams take. Not a run on GPUs.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "exec/cuda/rank_execution.h"
#include "exec/output_distance.h"
#include "exec/rank_run.h"
#include "planner/input/input_error.h"
#include "tests/cuda_on_cpu/blas.h"
#include "tests/cuda_on_cpu/nccl.h"
#include "tests/cuda_on_cpu/runtime.h"
#include "tests/cuda_on_cpu/turn_ranks.h"
#include "tests/exec/tcp_launch.h"

namespace ppplan::tests {
namespace {

constexpr double patience_s = 60;

/// Heads, KV heads, widths and experts that `tp` ranks can share, some layers dense and some with experts.
CudaCase random_case(unsigned seed, int tp) {
  std::mt19937 random(seed);
  const auto draw = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
  const bool decodes = draw(2) == 0;
  const std::vector<int> partition = draw(2) == 0 ? std::vector{2} : std::vector{1, 1};
  CudaCase out = decodes ? decode_case(partition, 2, 2, 2) : prefill_case(partition, 3, 2);
  out.run.seed = seed;
  out.run.model.vocabulary = 45 + draw(6);  // mostly no multiple of the ranks
  out.run.model.tied_embedding = draw(2) == 0;
  for (spec::Layer& layer : out.run.model.layers) {
    layer.attention.heads = tp * (1 + draw(2));
    layer.attention.kv_heads = layer.attention.heads % 4 == 0 && draw(2) == 0 ? 4 : (draw(2) == 0 ? 2 : 1);
    layer.attention.qkv_bias = draw(2) == 0;
    layer.attention.qk_norm = draw(2) == 0;
    layer.feed_forward.intermediate = 8 * tp * (1 + draw(2));
    if (draw(2) == 0) continue;
    layer.feed_forward.kind = spec::FeedForwardKind::moe;
    layer.feed_forward.experts = 4;
    layer.feed_forward.experts_per_token = 2;
    layer.feed_forward.shared_intermediate = draw(2) == 0 ? 0 : 8 * tp;
  }
  return out;
}

/// The same with latent attention, in every layer or in the first.
CudaCase random_latent_case(unsigned seed, int tp) {
  CudaCase out = random_case(seed, tp);
  std::vector<spec::Layer>& layers = out.run.model.layers;
  for (std::size_t index = 0; index < (seed % 3 == 0 ? 1 : layers.size()); ++index)
    layers[index].attention =
        latent_attention(tp * (1 + static_cast<int>(seed / 2 % 2)), (seed + index) % 2 == 0 ? 0 : 24);
  return out;
}

/// Rows of models that leave experts out.
struct RoutedRows {
  std::size_t all = 0;
  std::size_t within = 0;  // the tolerance
};

void count_rows(const CudaCase& from, int tp, const std::vector<double>& apart, RoutedRows& rows) {
  const double tolerance = exec::rounding_tolerance(from.run.model, tp);
  rows.all += apart.size();
  rows.within += static_cast<std::size_t>(std::ranges::count_if(apart, [&](double d) { return d <= tolerance; }));
}

// Of four logits as a router of random weights gives them, the second and the third lie closer than d standard
// deviations with a probability of about 1.4 d: 24 times the integral of f^2 F (1 - F) for a normal density f. Inputs
// that are 0.7 % apart thus send about one token in 200 to another expert; a row sees at most 8 tokens in two layers,
// so that one row in 12 is further apart than by roundings, and one in five is a fault.
void expect_logits_of_one_device(CudaCase (*draw)(unsigned seed, int tp)) {
  RoutedRows routed;
  for (const int tp : {2, 4})
    for (unsigned seed = 0; seed < 12; ++seed) {
      const CudaCase from = draw(seed, tp);
      cuda_on_cpu::set_machine(0);
      const auto expected = one_device_logits(from.run, cuda_on_cpu::blas_calls());
      cuda_on_cpu::set_machine(seed, {.devices = tp * stages_of(from)});
      {
        TurnRanks ranks(from, tp);
        ranks.run(patience_s);
        const auto outputs = ranks.run(patience_s);
        const auto apart = exec::row_distances(from.run, outputs, expected);
        if (exec::is_routed(from.run.model))
          count_rows(from, tp, apart, routed);
        else
          EXPECT_TRUE(exec::outputs_agree(from.run.model, tp, apart))
              << "tp " << tp << " seed " << seed << ": " << testing::PrintToString(apart);
        EXPECT_EQ(ranks.logits_of_last(0), outputs) << "ranks of the last stage differ, tp " << tp << " seed " << seed;
      }
      EXPECT_EQ(cuda_on_cpu::objects(), 0);
      EXPECT_EQ(cuda_on_cpu::dropped(), 0);
    }
  EXPECT_GT(routed.all, 20u);
  EXPECT_GE(10 * routed.within, 8 * routed.all);
}

TEST(TensorRanks, GiveOneDevicesLogits) { expect_logits_of_one_device(random_case); }
TEST(TensorRanks, OfLatentAttentionGiveOneDevicesLogits) { expect_logits_of_one_device(random_latent_case); }

TEST(TensorRanks, EveryOrderOfStreamsGivesTheSameBits) {
  const CudaCase from = decode_case({1, 1}, 2, 2, 1);
  std::optional<std::vector<exec::Logits>> first;
  for (unsigned seed = 0; seed < 30; ++seed) {
    cuda_on_cpu::set_machine(seed, {.devices = 4});
    TurnRanks ranks(from, 2);
    for (int run = 0; run < 3; ++run) {  // the second and third are graphs
      const auto outputs = ranks.run(patience_s);
      if (!first) first = outputs;
      ASSERT_EQ(outputs, *first) << "seed " << seed << " run " << run;
    }
  }
}

// A layer sums twice, the first stage after its embedding besides; the second gathers its input, and its logits where
// the micro-batch samples, as the second of these does. Graphs are one more than that: 4 + 4 on a rank of the first
// stage, 4 + 5 on one of the second.
TEST(TensorRanks, ComputeBetweenCollectivesIsAGraphFromTheSecondRunOn) {
  const CudaCase from = prefill_case({1, 1}, 2, 2);
  cuda_on_cpu::set_machine(1, {.devices = 4});
  TurnRanks ranks(from, 2);
  for (const int runs : {0, 1, 2}) {
    const auto outputs = ranks.run(patience_s);
    EXPECT_EQ(cuda_on_cpu::calls("cudaGraphLaunch"), runs * 2 * (4 + 4 + 4 + 5));
    EXPECT_EQ(cuda_on_cpu::calls("ncclAllReduce"), (runs + 1) * 2 * (3 + 3 + 2 + 2));
    EXPECT_EQ(cuda_on_cpu::calls("ncclAllGather"), (runs + 1) * 2 * (1 + 2));
  }
}

// What a capture was broken off by leaves the group as it was.
TEST(TensorRanks, AFailedCaptureEndsTheRun) {
  const CudaCase from = prefill_case({1}, 2, 2);
  for (const char* call : {"cudaGraphInstantiate", "cudaStreamEndCapture", "cublasLtMatmul"}) {
    cuda_on_cpu::set_machine(1, {.devices = 2});
    {
      TurnRanks ranks(from, 2);
      ranks.run(patience_s);
      cuda_on_cpu::inject(call, 2, 1);
      EXPECT_THROW(ranks.run(patience_s), kernels::cuda::DeviceError) << call;
    }
    EXPECT_EQ(cuda_on_cpu::objects(), 0) << call;
  }
}

TEST(TensorRanks, ProcessesOfARunGiveOneDevicesLogits) {
  const CudaCase from = random_case(3, 2);
  const int ranks = 2 * stages_of(from);
  cuda_on_cpu::set_machine(5, {.devices = ranks, .patience_s = 20});
  const Outcomes outcomes = tcp_thread_launch().run(ranks, patience_s, [&](exec::groups::World& world) {
    exec::groups::ParallelState state(world, exec::rank_layout(from.schedule, 2));
    exec::cuda::CudaRun run = from.run;
    run.only_stage = world.rank() / 2;
    run.gpus.assign(run.stages.size(), world.rank());
    const auto rank = exec::cuda::make_rank(run, {world.rank() % 2, 2}, from.schedule,
                                            {cuda_on_cpu::blas_calls(), cuda_on_cpu::nccl_calls()});
    const exec::CudaExecution out = rank->execute(state, {.repeats = 1, .deadline_s = patience_s}, [](double) {});
    state.tear_down();
    if (world.rank() != 0) return;
    expect(out.measured.front().spans.size() == from.schedule.ops.size(), "ops without a time");
    const auto apart = rank->distances();
    expect(apart && exec::outputs_agree(from.run.model, 2, *apart), "other logits than one device's");
  });
  EXPECT_EQ(outcomes, Outcomes(static_cast<std::size_t>(ranks)));
  EXPECT_EQ(cuda_on_cpu::objects(), 0);
}

TEST(TensorRanks, WhatRanksCantShareIsRefused) {
  CudaCase from = prefill_case({1}, 1, 2);
  cuda_on_cpu::set_machine(0, {.devices = 4});
  EXPECT_THROW(TurnRanks(from, 4), input::InputError);  // two heads
}

}  // namespace
}  // namespace ppplan::tests
