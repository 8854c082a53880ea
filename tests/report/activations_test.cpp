// How many micro-batches a device holds, and how many bytes.
#include "planner/report/activations.h"

#include <gtest/gtest.h>

#include "planner/input/input_error.h"
#include "planner/report/bubble_report.h"
#include "tests/report/example_schedules.h"
#include "tests/report/report_of.h"

namespace ppplan::report {
namespace {

BubbleReport report_of(const schedule::Schedule& schedule, const ActivationCosts& costs = {}) {
  const auto alone = schedule::own_seconds(schedule);
  return bubble_report(schedule, schedule::longest_path(schedule, alone), alone, costs);
}

TEST(Activations, OneForwardOneBackwardHoldsAsManyAsStagesFollow) {
  // min(p - i, m) on stage i.
  for (int m : {2, 8}) {
    const BubbleReport report = report_of(tests::one_forward_one_backward(4, m, {{}}), {.bytes = {10}});
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(report.stages[static_cast<std::size_t>(i)].peak_activations, std::min(4 - i, m));
      EXPECT_EQ(report.stages[static_cast<std::size_t>(i)].peak_activation_bytes, 10 * std::min(4 - i, m));
    }
  }
}

TEST(Activations, TheInputGradientFreesItsShare) {
  // One device: F0, B0, F1, B1, W0, W1. While F1 runs, micro-batch 0 is held by its weight gradient alone.
  schedule::Schedule schedule;
  schedule.devices = {{"stage 0", {0}, {}}};
  using traces::OpKind;
  for (const auto& [kind, m] : std::vector<std::pair<OpKind, int>>{{OpKind::forward, 0},
                                                                   {OpKind::backward_input, 0},
                                                                   {OpKind::forward, 1},
                                                                   {OpKind::backward_input, 1},
                                                                   {OpKind::backward_weight, 0},
                                                                   {OpKind::backward_weight, 1}})
    add_compute(schedule, 0, {.kind = kind, .micro_batch = m}, 1, {});
  const BubbleReport half = report_of(schedule, {.bytes = {8}});
  EXPECT_EQ(half.stages[0].peak_activations, 2);
  EXPECT_EQ(half.stages[0].peak_activation_bytes, 4 + 8);
  EXPECT_EQ(report_of(schedule, {.bytes = {8}, .release_at_input = 0}).stages[0].peak_activation_bytes, 16);
  EXPECT_EQ(report_of(schedule, {.bytes = {8}, .release_at_input = 1}).stages[0].peak_activation_bytes, 8);
}

TEST(Activations, AnInferenceStageHoldsAnOutputUntilItIsSent) {
  // Stage 0 runs [0,1], [1,2], [2,3]; outputs leave over a link that takes 3: [1,4], [4,7], [7,10]. From 2 on all three
  // are held.
  auto costs = tests::costs_of({1, 1}, 3);
  costs.boundary_bytes = {100};
  const auto schedule = schedule::forward_stream(tests::shape_of(2), {costs}, {0, 0, 0});
  std::vector<double> alone(schedule.ops.size());
  for (std::size_t id = 0; id < alone.size(); ++id) alone[id] = schedule.ops[id].seconds;
  const auto report = bubble_report(schedule, schedule::longest_path(schedule, alone), alone);
  EXPECT_EQ(report.stages[0].peak_activations, 3);
  EXPECT_EQ(report.stages[0].peak_activation_bytes, 300);
  EXPECT_EQ(report.stages[1].peak_activations, 1);
  EXPECT_EQ(report.stages[1].peak_activation_bytes, 0);
}

TEST(Activations, BytesAreOneNumberOrOnePerStage) {
  const auto schedule = tests::one_forward_one_backward(2, 3, {{}});
  const BubbleReport report = report_of(schedule, {.bytes = {10, 7}});
  EXPECT_EQ(report.stages[0].peak_activation_bytes, 20);
  EXPECT_EQ(report.stages[1].peak_activation_bytes, 7);
  EXPECT_THROW(report_of(tests::one_forward_one_backward(3, 3, {{}}), {.bytes = {10, 7}}), input::InputError);
}

}  // namespace
}  // namespace ppplan::report
