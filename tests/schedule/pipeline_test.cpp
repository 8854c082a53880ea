#include "planner/schedule/pipeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "planner/input/input_error.h"
#include "planner/schedule/deadlock.h"
#include "planner/schedule/longest_path.h"
#include "tests/schedule/random_schedules.h"

namespace ppplan::schedule {
namespace {

using tests::Random;
using traces::OpKind;

MicroBatchCosts costs_of(std::vector<double> stage_s, double boundary_s = 0, double token_return_s = 0) {
  const std::size_t boundaries = stage_s.size() - 1;
  return {std::move(stage_s), std::vector<double>(boundaries, boundary_s), std::vector<std::int64_t>(boundaries, 0),
          token_return_s};
}

PipelineShape shape_of(int stages, int receive_buffers = 2) {
  PipelineShape shape;
  for (int stage = 0; stage < stages; ++stage) shape.members.push_back({stage});
  shape.receive_buffers = receive_buffers;
  return shape;
}

double makespan_of(const Schedule& schedule) {
  EXPECT_TRUE(faults(schedule).empty());
  return traces::makespan_s(longest_path(schedule, own_seconds(schedule)));
}

TEST(ForwardStream, HoldsEveryMicroBatchOnceOnEveryStageInOrder) {
  for (int stages = 1; stages <= 4; ++stages) {
    for (int count = 1; count <= 5; ++count) {
      const Schedule schedule = forward_stream(shape_of(stages), {costs_of(std::vector<double>(stages, 1.0))},
                                               std::vector<int>(static_cast<std::size_t>(count)));
      EXPECT_TRUE(faults(schedule).empty());
      // A forward per stage and micro-batch, two ops per boundary and micro-batch.
      EXPECT_EQ(schedule.ops.size(), static_cast<std::size_t>(count * (stages + 2 * (stages - 1))));
      for (int stage = 0; stage < stages; ++stage) {
        const std::vector<OpId>& lane = schedule.devices[static_cast<std::size_t>(stage)].lanes[0].ops;
        ASSERT_EQ(lane.size(), static_cast<std::size_t>(count));
        for (int k = 0; k < count; ++k)
          EXPECT_EQ(schedule.ops[static_cast<std::size_t>(lane[static_cast<std::size_t>(k)])].key,
                    (traces::OpKey{.kind = OpKind::forward, .stage = stage, .micro_batch = k}));
      }
    }
  }
}

TEST(ForwardStream, TellsOfEveryComputeWhatIdleNeighboursLeave) {
  MicroBatchCosts costs = costs_of({1.0, 2.0});
  costs.alone_fraction = 0.7;
  PipelineShape shape = shape_of(2);
  shape.busy_devices = 3;
  const Schedule schedule = forward_stream(shape, {costs}, {0, 0});
  EXPECT_EQ(schedule.busy_devices, 3);
  for (const Op& op : schedule.ops) EXPECT_EQ(op.alone_fraction, is_transfer(op) ? 1 : 0.7);
  for (const double wrong : {0.0, -1.0, 1.1}) {
    costs.alone_fraction = wrong;
    EXPECT_THROW(forward_stream(shape, {costs}, {0}), input::InputError);
  }
}

TEST(ForwardStream, EqualStagesTakeFillPlusOneStagePerMicroBatch) {
  for (int stages = 1; stages <= 6; ++stages)
    for (int count = 1; count <= 9; ++count)
      EXPECT_DOUBLE_EQ(makespan_of(forward_stream(shape_of(stages), {costs_of(std::vector<double>(stages, 2.0))},
                                                  std::vector<int>(static_cast<std::size_t>(count)))),
                       2.0 * (stages - 1 + count));
}

TEST(ForwardStream, UnequalStagesWaitForTheSlowest) {
  // Stages 1, 3, 2 s; 5 micro-batches with unbounded buffers: the slowest stage runs without a gap once it began, so
  // fill 1, then 5 * 3, then drain 2: 18 s.
  EXPECT_DOUBLE_EQ(makespan_of(forward_stream(shape_of(3, 0), {costs_of({1, 3, 2})}, std::vector<int>(5))), 18);
}

TEST(ForwardStream, OneReceiveBufferPutsTheTransferBetweenComputes) {
  // Two stages of 1 s, transfer 0.5 s, 3 micro-batches. Micro-batch k is computed on stage 0 at [k, k + 1).
  // Unbounded: stage 1 starts at 1.5 and goes on without gaps: 4.5 s. One buffer: the transfer of k + 1 starts when
  // stage 1 ended k: [1, 1.5) compute [1.5, 2.5), transfer [2.5, 3), compute [3, 4), transfer [4, 4.5), compute
  // [4.5, 5.5).
  const MicroBatchCosts costs = costs_of({1, 1}, 0.5);
  EXPECT_DOUBLE_EQ(makespan_of(forward_stream(shape_of(2, 0), {costs}, std::vector<int>(3))), 4.5);
  EXPECT_DOUBLE_EQ(makespan_of(forward_stream(shape_of(2, 1), {costs}, std::vector<int>(3))), 5.5);
}

TEST(ForwardStream, BlockingSendHoldsTheNextCompute) {
  // Two stages of 1 s, transfer 0.5 s, unbounded, 3 micro-batches: stage 0 computes [0,1), sends [1,1.5), computes
  // [1.5,2.5), sends [2.5,3), computes [3,4), sends [4,4.5); stage 1 ends at 5.5.
  PipelineShape shape = shape_of(2, 0);
  shape.send_blocks_next = true;
  EXPECT_DOUBLE_EQ(makespan_of(forward_stream(shape, {costs_of({1, 1}, 0.5)}, std::vector<int>(3))), 5.5);
}

TEST(ForwardStream, MicroBatchesOfDifferentClassesTakeTheirOwnTimes) {
  // One stage, classes of 1 s and 10 s: 1 + 10 + 1.
  EXPECT_DOUBLE_EQ(makespan_of(forward_stream(shape_of(1), {costs_of({1}), costs_of({10})}, {0, 1, 0})), 12);
}

TEST(DecodeRounds, NumbersRoundsOfCohorts) {
  const Schedule schedule =
      decode_rounds(shape_of(2), {costs_of({1, 1}, 0, 0.25), costs_of({1, 1}, 0, 0.25), costs_of({1, 1}, 0, 0.25)}, 4);
  EXPECT_TRUE(faults(schedule).empty());
  EXPECT_EQ(schedule.devices[0].lanes[0].ops.size(), 12u);
  EXPECT_EQ(std::ranges::count_if(schedule.ops, [](const Op& op) { return op.key.kind == OpKind::token_return; }), 24);
  // Round 2 of cohort 1 is micro-batch 7; its entry waits for the return of micro-batch 4.
  const Op& entry = schedule.ops[static_cast<std::size_t>(schedule.devices[0].lanes[0].ops[7])];
  ASSERT_EQ(entry.after.size(), 1u);
  const Op& awaited = schedule.ops[static_cast<std::size_t>(entry.after[0])];
  EXPECT_EQ(awaited.key, (traces::OpKey{.kind = OpKind::token_return, .stage = 1, .micro_batch = 4}));
  EXPECT_EQ(awaited.device, 0);
}

TEST(DecodeRounds, RoundTakesTheSlowestStageOrTheLoopWhicheverIsLonger) {
  // With C cohorts, a round lasts max(C * slowest stage, sum of stages + return) once it has settled, when neither a
  // return nor a buffer holds anything up (return <= slowest stage, unbounded buffers).
  for (const std::vector<double>& stages : {std::vector<double>{1, 1, 1}, {1, 3, 2}, {2, 0.5, 0.5, 1}, {4, 1}}) {
    for (int cohorts = 1; cohorts <= 6; ++cohorts) {
      const MicroBatchCosts costs = costs_of(stages, 0, 0.4);
      const std::vector<MicroBatchCosts> all(static_cast<std::size_t>(cohorts), costs);
      const PipelineShape shape = shape_of(static_cast<int>(stages.size()), 0);
      const double round =
          std::max(cohorts * std::ranges::max(stages), std::accumulate(stages.begin(), stages.end(), 0.0) + 0.4);
      EXPECT_NEAR(makespan_of(decode_rounds(shape, all, 13)) - makespan_of(decode_rounds(shape, all, 12)), round, 1e-9)
          << cohorts << " cohorts on " << stages.size() << " stages";
    }
  }
}

TEST(DecodeRounds, OneCohortIsTheLoopItself) {
  // 3 rounds of stages 1 + 2, transfer 0.25, return 0.5.
  EXPECT_DOUBLE_EQ(makespan_of(decode_rounds(shape_of(2, 1), {costs_of({1, 2}, 0.25, 0.5)}, 3)), 3 * 3.75);
}

TEST(DecodeRounds, OneStageHasNoReturn) {
  const Schedule schedule = decode_rounds(shape_of(1), {costs_of({1}), costs_of({2})}, 3);
  EXPECT_EQ(schedule.ops.size(), 6u);
  EXPECT_DOUBLE_EQ(makespan_of(schedule), 9);
  EXPECT_THROW(decode_rounds(shape_of(1), {costs_of({1}, 0, 0.5)}, 3), input::InputError);
}

/// Ends of the computes of a forward stream, by the recurrence that the meaning of a schedule comes down to here.
double recurrence_makespan_s(const PipelineShape& shape, const std::vector<MicroBatchCosts>& classes,
                             const std::vector<int>& class_of) {
  const std::size_t stages = shape.members.size(), count = class_of.size();
  const auto buffers = static_cast<std::size_t>(shape.receive_buffers);
  std::vector<std::vector<double>> compute(count, std::vector<double>(stages)), sent = compute;
  for (std::size_t k = 0; k < count; ++k) {
    const MicroBatchCosts& cost = classes[static_cast<std::size_t>(class_of[k])];
    for (std::size_t i = 0; i < stages; ++i) {
      double start = k > 0 ? compute[k - 1][i] : 0;
      if (i > 0) start = std::max(start, sent[k][i - 1]);
      if (shape.send_blocks_next && k > 0) start = std::max(start, sent[k - 1][i]);
      compute[k][i] = start + cost.stage_s[i];
      if (i + 1 == stages) continue;
      double post = std::max(compute[k][i], k > 0 ? sent[k - 1][i] : 0);
      if (buffers > 0 && k >= buffers) post = std::max(post, compute[k - buffers][i + 1]);
      sent[k][i] = post + cost.boundary_s[i];
    }
  }
  return *std::ranges::max_element(compute[count - 1]);
}

TEST(ForwardStream, RandomPipelinesAgreeWithTheRecurrence) {
  Random random(7);
  for (int trial = 0; trial < 3000; ++trial) {
    const int stages = tests::uniform(random, 1, 6);
    const PipelineShape shape = tests::random_shape(random, stages);
    const std::vector<MicroBatchCosts> classes = {tests::random_costs(random, stages, false),
                                                  tests::random_costs(random, stages, false)};
    std::vector<int> class_of(static_cast<std::size_t>(tests::uniform(random, 1, 12)));
    for (int& cost_class : class_of) cost_class = tests::uniform(random, 0, 1);
    const Schedule schedule = forward_stream(shape, classes, class_of);
    ASSERT_TRUE(can_complete(schedule).completes);
    ASSERT_DOUBLE_EQ(makespan_of(schedule), recurrence_makespan_s(shape, classes, class_of)) << "trial " << trial;
  }
}

TEST(DecodeRounds, RandomOnesAreSoundAndComplete) {
  Random random(8);
  for (int trial = 0; trial < 2000; ++trial) {
    const int stages = tests::uniform(random, 1, 5);
    std::vector<MicroBatchCosts> costs;
    for (int cohort = tests::uniform(random, 1, 6); cohort > 0; --cohort)
      costs.push_back(tests::random_costs(random, stages, true));
    const Schedule schedule = decode_rounds(tests::random_shape(random, stages), costs, tests::uniform(random, 1, 5));
    ASSERT_TRUE(faults(schedule).empty()) << faults(schedule).front();
    ASSERT_TRUE(can_complete(schedule).completes) << can_complete(schedule).reason;
  }
}

TEST(Pipeline, RejectsCostsThatDoNotFit) {
  const MicroBatchCosts good = costs_of({1, 1});
  const auto rejects = [](const PipelineShape& shape, const MicroBatchCosts& costs, std::vector<int> class_of) {
    EXPECT_THROW(forward_stream(shape, {costs}, class_of), input::InputError);
  };
  rejects(shape_of(0), good, {0});
  rejects(shape_of(3), good, {0});
  rejects(shape_of(2), good, {});
  rejects(shape_of(2), good, {1});
  rejects(shape_of(2), good, {-1});
  rejects(shape_of(2, -1), good, {0});
  rejects(shape_of(2), costs_of({1, -1}), {0});
  rejects(shape_of(2), costs_of({1, std::numeric_limits<double>::quiet_NaN()}), {0});
  rejects(shape_of(2), costs_of({1, std::numeric_limits<double>::infinity()}), {0});
  MicroBatchCosts bad = good;
  bad.boundary_bytes = {-1};
  rejects(shape_of(2), bad, {0});
  bad = good;
  bad.boundary_s = {0, 0};
  rejects(shape_of(2), bad, {0});
  PipelineShape named = shape_of(2);
  named.names = {"only one"};
  rejects(named, good, {0});
  EXPECT_THROW(decode_rounds(shape_of(2), {}, 1), input::InputError);
  EXPECT_THROW(decode_rounds(shape_of(2), {good}, 0), input::InputError);
}

}  // namespace
}  // namespace ppplan::schedule
