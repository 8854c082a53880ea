// Ranks of a run on GPUs, a stage each, on the doubles: they give one device's logits whatever order streams take, and
// a rank that fails, hangs or ends is named by all. Ranks are threads with a GPU each, or one after another in this
// one. Not a run on GPUs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>

#include "exec/cuda/rank_execution.h"
#include "exec/groups/part_world.h"
#include "exec/rank_run.h"
#include "tests/cuda_on_cpu/blas.h"
#include "tests/cuda_on_cpu/cuda_runs.h"
#include "tests/cuda_on_cpu/nccl.h"
#include "tests/cuda_on_cpu/runtime.h"
#include "tests/exec/tcp_launch.h"

namespace ppplan::tests {
namespace {

using exec::groups::ParallelState;
using exec::groups::World;
using testing::AllOf;
using testing::Each;
using testing::HasSubstr;

constexpr double patience_s = 60;

int stages_of(const CudaCase& from) { return static_cast<int>(from.run.stages.size()); }

exec::cuda::CudaRun run_of_stage(const CudaCase& from, int stage) {
  exec::cuda::CudaRun run = from.run;
  run.only_stage = stage;
  run.gpus.assign(run.stages.size(), stage);
  return run;
}

std::vector<exec::Logits> expected_of(const CudaCase& from) {
  cuda_on_cpu::set_machine(0);
  return one_device_logits(from.run, cuda_on_cpu::blas_calls());
}

/// One rank of a run whose ranks take turns in this thread.
struct TurnRank {
  TurnRank(const CudaCase& from, int stage, const std::map<exec::groups::StageEdge, exec::cuda::NcclId>& ids)
      : wires(cuda_on_cpu::nccl_calls()) {
    for (const auto& [edge, id] : ids)
      if (edge.from == stage || edge.to == stage)
        wires.connect(edge, id, edge.from == stage ? stage : -1, edge.to == stage ? stage : -1);
    pipeline.emplace(run_of_stage(from, stage), cuda_on_cpu::blas_calls(), wires);
    streams.emplace(from.schedule, *pipeline);
  }
  exec::cuda::NcclWires wires;
  std::optional<exec::cuda::CudaPipeline> pipeline;
  std::optional<exec::cuda::StreamRun> streams;
};

std::vector<exec::Logits> outputs_in_turns(const CudaCase& from, int runs) {
  std::map<exec::groups::StageEdge, exec::cuda::NcclId> ids;
  for (const auto& edge : exec::rank_layout(from.schedule).edges) cuda_on_cpu::nccl_calls().ncclGetUniqueId(&ids[edge]);
  std::vector<std::unique_ptr<TurnRank>> ranks;
  for (int stage = 0; stage < stages_of(from); ++stage) ranks.push_back(std::make_unique<TurnRank>(from, stage, ids));
  for (int run = 0; run < runs; ++run) {
    for (const auto& rank : ranks) rank->pipeline->reset();
    for (const auto& rank : ranks) rank->streams->enqueue();
    for (const auto& rank : ranks) rank->streams->await_end({patience_s});
  }
  return ranks.back()->pipeline->logits();
}

TEST(CudaRanks, EveryOrderOfStreamsGivesOneDevicesLogits) {
  for (const CudaCase& from : {prefill_case({0, 1, 0}, 4, 2), decode_case({0, 1, 0}, 2, 2, 1)}) {
    const auto expected = expected_of(from);
    for (unsigned seed = 0; seed < 50; ++seed) {
      cuda_on_cpu::set_machine(seed, {.devices = 3});
      ASSERT_EQ(outputs_in_turns(from, seed % 10 == 0 ? 2 : 1), expected) << "seed " << seed;
      ASSERT_EQ(cuda_on_cpu::objects(), 0) << "seed " << seed;
      ASSERT_EQ(cuda_on_cpu::dropped(), 0) << "seed " << seed;
    }
  }
}

/// On rank 0, after a run.
bool equals_one_device(exec::CudaRank& rank) {
  const auto apart = rank.distances();
  return apart && !apart->empty() && std::ranges::all_of(*apart, [](double distance) { return distance == 0; });
}

/// What a rank of make_rank() does, over the control plane of `world`.
exec::CudaExecution execute_rank(World& world, const CudaCase& from, exec::CudaExecutionOptions options = {}) {
  ParallelState ranks(world, exec::rank_layout(from.schedule));
  const auto rank = exec::cuda::make_rank(run_of_stage(from, world.rank()), {}, from.schedule,
                                          {cuda_on_cpu::blas_calls(), cuda_on_cpu::nccl_calls()});
  ranks.warm_up();
  const exec::CudaExecution out = rank->execute(ranks, options, [](double) {});
  ranks.tear_down();
  if (world.rank() == 0) expect(equals_one_device(*rank), "other logits than one device's");
  return out;
}

TEST(CudaRanks, GiveOneDevicesLogitsOverSockets) {
  for (const CudaCase& from : {prefill_case({1, 1}, 3, 2), decode_case({1, 0, 1}, 2, 2, 2)}) {
    cuda_on_cpu::set_machine(7, {.devices = stages_of(from), .patience_s = 20});
    const Outcomes outcomes = tcp_thread_launch().run(stages_of(from), patience_s, [&](World& world) {
      const exec::CudaExecution out = execute_rank(world, from, {.repeats = 2, .deadline_s = patience_s});
      if (world.rank() != 0) return expect(out.measured.empty(), "a timeline on another rank than 0");
      expect(out.measured.size() == 2, "other than two timelines");
      expect(out.measured[0].spans.size() == from.schedule.ops.size(), "ops without a time");
    });
    EXPECT_EQ(outcomes, Outcomes(from.run.stages.size()));
    EXPECT_EQ(cuda_on_cpu::objects(), 0);
    EXPECT_EQ(cuda_on_cpu::dropped(), 0);
  }
}

// Two replicas of two stages, each with a seed and so with micro-batches of its own.
TEST(CudaRanks, ReplicasSideBySideGiveOneDevicesLogits) {
  const CudaCase from = decode_case({1, 1}, 2, 2, 2);
  cuda_on_cpu::set_machine(9, {.devices = 4, .patience_s = 20});
  const Outcomes outcomes = tcp_thread_launch().run(4, patience_s, [&](World& world) {
    const int replica = world.rank() / 2;
    exec::groups::PartWorld own(world, 2 * replica, 2);
    ParallelState ranks(own, exec::rank_layout(from.schedule));
    exec::cuda::CudaRun run = run_of_stage(from, own.rank());
    run.gpus.assign(2, world.rank());
    run.seed = from.run.seed + static_cast<std::uint64_t>(replica);
    const auto rank =
        exec::cuda::make_rank(run, {}, from.schedule, {cuda_on_cpu::blas_calls(), cuda_on_cpu::nccl_calls()});
    ranks.warm_up();
    const exec::CudaExecution out = rank->execute(ranks, {.repeats = 1, .deadline_s = patience_s}, [](double) {});
    ranks.tear_down();
    if (own.rank() != 0) return;
    expect(out.measured.size() == 1, "a replica without a timeline");
    expect(equals_one_device(*rank), "other logits than one device's");
    const auto of_other = rank->distances(rank->outputs(), run.seed + 1);
    expect(of_other && std::ranges::any_of(*of_other, [](double apart) { return apart > 0.1; }),
           "the logits of another replica");
  });
  EXPECT_EQ(outcomes, Outcomes(4));
  EXPECT_EQ(cuda_on_cpu::objects(), 0);
}

TEST(CudaRanks, SeveralOnOneGpuGiveTheSame) {
  const CudaCase from = prefill_case({1, 0}, 2, 2);
  cuda_on_cpu::set_machine(3, {.devices = 1, .patience_s = 20, .ranks_share_devices = true});
  const Outcomes outcomes = tcp_thread_launch().run(2, patience_s, [&](World& world) {
    ParallelState ranks(world, exec::rank_layout(from.schedule));
    exec::cuda::CudaRun run = run_of_stage(from, world.rank());
    run.gpus.assign(2, 0);
    const auto rank =
        exec::cuda::make_rank(run, {}, from.schedule, {cuda_on_cpu::blas_calls(), cuda_on_cpu::nccl_calls()});
    rank->execute(ranks, {.repeats = 1, .deadline_s = patience_s}, [](double) {});
    ranks.tear_down();
    if (world.rank() == 0) expect(equals_one_device(*rank), "other logits than one device's");
  });
  EXPECT_EQ(outcomes, Outcomes(2));
}

TEST(CudaRanks, AFailedCallOfOneRankEndsAllWithItsMessage) {
  const CudaCase from = prefill_case({0, 1, 0}, 3, 2);
  for (const std::string call : {"cublasLtMatmul", "ncclGroupEnd", "ncclCommInitRankConfig", "cudaEventRecord"}) {
    cuda_on_cpu::set_machine(1, {.devices = 3, .patience_s = 1});
    std::atomic<int> failed = -1;
    const Outcomes outcomes = tcp_thread_launch().run(3, patience_s, [&](World& world) {
      if (world.rank() == 1) cuda_on_cpu::inject(call, 0, 3);
      try {
        execute_rank(world, from);
      } catch (const kernels::cuda::DeviceError&) {
        failed = world.rank();
        throw;
      }
    });
    ASSERT_GE(failed, 0) << call;
    const std::string name = "GroupError: rank " + std::to_string(failed) + ": ";
    for (int r = 0; r < 3; ++r) {
      const std::string& outcome = outcomes[static_cast<std::size_t>(r)];
      EXPECT_THAT(outcome, HasSubstr(call));
      if (r != failed) {
        EXPECT_THAT(outcome, HasSubstr(name));
      }
    }
    EXPECT_EQ(cuda_on_cpu::objects(), 0) << call;
  }
}

TEST(CudaRanks, ARankThatRunsAnotherScheduleEndsAllAtTheDeadline) {
  const CudaCase from = prefill_case({0, 0}, 3, 2);
  CudaCase shorter = prefill_case({0, 0}, 2, 2);
  cuda_on_cpu::set_machine(1, {.devices = 2, .patience_s = 0.2});
  const Outcomes outcomes = tcp_thread_launch().run(2, 5, [&](World& world) {
    execute_rank(world, world.rank() == 0 ? from : shorter, {.repeats = 1, .deadline_s = 1, .first_s = 1});
  });
  EXPECT_THAT(outcomes, Each(HasSubstr("send of micro-batch 2 on stage 0 has not ended 1 s after")));
  EXPECT_THAT(outcomes[1], HasSubstr("GroupError: rank 0: "));
}

// Processes share no double of NCCL, so each waits for a communicator that the other never joins: what a rank does
// whose peer is killed meanwhile.
TEST(CudaRanks, AKilledRankIsNamedByThoseThatWaitForNccl) {
  const CudaCase from = prefill_case({0, 0}, 2, 2);
  const Outcomes outcomes = tcp_process_launch().run(2, patience_s, [&](World& world) {
    cuda_on_cpu::set_machine(1, {.devices = 2, .patience_s = 0.2});
    if (world.rank() != 1) {
      execute_rank(world, from);
      return;
    }
    ParallelState ranks(world, exec::rank_layout(from.schedule));
    ranks.warm_up();
    raise(SIGKILL);
  });
  EXPECT_EQ(outcomes[1], "signal 9");
  EXPECT_THAT(outcomes[0], AllOf(HasSubstr("GroupError"), HasSubstr("rank 1")));
}

}  // namespace
}  // namespace ppplan::tests
