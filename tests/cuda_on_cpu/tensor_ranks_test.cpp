// Tensor parallelism on the doubles: ranks that share every layer of a stage give one device's logits, for random small
// models and whatever order streams take. Not a run on GPUs.
#include <gtest/gtest.h>

#include <random>

#include "exec/cuda/rank_execution.h"
#include "exec/cuda/stream_run.h"
#include "exec/rank_run.h"
#include "planner/input/input_error.h"
#include "tests/cuda_on_cpu/blas.h"
#include "tests/cuda_on_cpu/cuda_runs.h"
#include "tests/cuda_on_cpu/nccl.h"
#include "tests/cuda_on_cpu/runtime.h"
#include "tests/exec/tcp_launch.h"

namespace ppplan::tests {
namespace {

using exec::TensorRank;
using exec::cuda::NcclId;
using exec::groups::StageEdge;

constexpr double patience_s = 60;

NcclId new_id() {
  NcclId id{};
  PPPLAN_CHECK_NCCL(cuda_on_cpu::nccl_calls(), ncclGetUniqueId(&id));
  return id;
}

int stages_of(const CudaCase& from) { return static_cast<int>(from.run.stages.size()); }

/// Rank t of stage s on GPU s * tp + t; all take turns in this thread.
class TurnRanks {
 public:
  TurnRanks(const CudaCase& from, int tp) : from_(from), tp_(tp) {
    std::map<std::pair<StageEdge, int>, NcclId> edges;
    for (const StageEdge& edge : exec::rank_layout(from.schedule).edges)
      for (int t = 0; t < tp; ++t) edges[{edge, t}] = new_id();
    for (int stage = 0; stage < stages_of(from); ++stage) {
      const NcclId id = new_id();
      for (int t = 0; t < tp; ++t) add(stage, t, id, edges);
    }
  }

  std::vector<exec::Logits> run() {
    for (const auto& rank : ranks_) rank->pipeline->reset();
    for (const auto& rank : ranks_) rank->streams->enqueue();
    for (const auto& rank : ranks_) rank->streams->await_end({patience_s});
    return ranks_.back()->pipeline->logits();
  }
  std::vector<exec::Logits> logits_of_last(int t) {
    return ranks_[ranks_.size() - static_cast<std::size_t>(tp_ - t)]->pipeline->logits();
  }

 private:
  struct Rank {
    Rank(int t, int tp) : wires(cuda_on_cpu::nccl_calls()), group(cuda_on_cpu::nccl_calls(), {t, tp}) {}
    exec::cuda::NcclWires wires;
    exec::cuda::TensorGroup group;
    std::optional<exec::cuda::CudaPipeline> pipeline;
    std::optional<exec::cuda::StreamRun> streams;
  };

  void add(int stage, int t, const NcclId& id, const std::map<std::pair<StageEdge, int>, NcclId>& edges) {
    Rank& rank = *ranks_.emplace_back(std::make_unique<Rank>(t, tp_));
    const int gpu = stage * tp_ + t;
    const kernels::cuda::DeviceScope scope(gpu);
    rank.group.connect(id, {});
    for (const auto& [edge, edge_id] : edges)
      if (edge.second == t && (edge.first.from == stage || edge.first.to == stage))
        rank.wires.connect(edge.first, edge_id, edge.first.from == stage ? gpu : -1, edge.first.to == stage ? gpu : -1);
    exec::cuda::CudaRun run = from_.run;
    run.only_stage = stage;
    run.gpus.assign(run.stages.size(), gpu);
    rank.pipeline.emplace(run, cuda_on_cpu::blas_calls(), rank.wires, &rank.group);
    rank.streams.emplace(from_.schedule, *rank.pipeline);
  }

  const CudaCase& from_;
  int tp_;
  std::vector<std::unique_ptr<Rank>> ranks_;
};

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

TEST(TensorRanks, GiveOneDevicesLogits) {
  for (const int tp : {2, 4})
    for (unsigned seed = 0; seed < 12; ++seed) {
      const CudaCase from = random_case(seed, tp);
      cuda_on_cpu::set_machine(0);
      const auto expected = one_device_logits(from.run, cuda_on_cpu::blas_calls());
      cuda_on_cpu::set_machine(seed, {.devices = tp * stages_of(from)});
      {
        TurnRanks ranks(from, tp);
        ranks.run();
        const auto outputs = ranks.run();
        EXPECT_LE(exec::logits_distance(outputs, expected), exec::kCudaTolerance) << "tp " << tp << " seed " << seed;
        EXPECT_EQ(ranks.logits_of_last(0), outputs) << "ranks of the last stage differ, tp " << tp << " seed " << seed;
      }
      EXPECT_EQ(cuda_on_cpu::objects(), 0);
      EXPECT_EQ(cuda_on_cpu::dropped(), 0);
    }
}

TEST(TensorRanks, EveryOrderOfStreamsGivesTheSameBits) {
  const CudaCase from = decode_case({1, 1}, 2, 2, 1);
  std::optional<std::vector<exec::Logits>> first;
  for (unsigned seed = 0; seed < 30; ++seed) {
    cuda_on_cpu::set_machine(seed, {.devices = 4});
    TurnRanks ranks(from, 2);
    const auto outputs = ranks.run();
    if (!first) first = outputs;
    ASSERT_EQ(outputs, *first) << "seed " << seed;
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
    const auto distance = rank->distance();
    expect(distance && *distance <= exec::kCudaTolerance, "other logits than one device's");
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
