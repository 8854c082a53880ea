// Orders with their communication: the same times as without links that queue, and no rank that waits for ever.
#include "planner/schedule/training_schedule.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "planner/input/input_error.h"
#include "planner/schedule/deadlock.h"
#include "planner/schedule/longest_path.h"
#include "planner/schedule/order_rules.h"
#include "planner/schedule/schedule_json.h"
#include "planner/schedule/training_times.h"

namespace ppplan::schedule {
namespace {

using Random = std::mt19937;

int draw(Random& random, int low, int high) {
  return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
}

TrainingOrder random_order(Random& random) {
  const int p = draw(random, 1, 8), m = draw(random, 1, 12);
  switch (draw(random, 0, 8)) {
    case 0:
      return gpipe(p, m);
    case 1:
      return one_f_one_b(p, m);
    case 2:
      return interleaved(p, m, draw(random, 1, 4), p + draw(random, 0, 2));
    case 3:
      return group_interleaved(p, m, draw(random, 1, 4), draw(random, (p + 1) / 2, p));
    case 4:
      return looped_bfs(p, m, draw(random, 1, 4));
    case 5:
      return zb_h1(p, m);
    case 6:
      return zbv(p, m);
    case 7:
      return dualpipe(2 * ((p + 1) / 2), 4 * ((p + 1) / 2) + 2 * m);
    default:
      return dualpipe_v(p, 2 * p + m);
  }
}

TrainingCosts random_costs(Random& random, const TrainingOrder& order, double send_s) {
  TrainingCosts costs;
  for (std::size_t s = 0; s < order.rank_of.size(); ++s)
    costs.stages.push_back({1.0 * draw(random, 1, 9), 1.0 * draw(random, 1, 9), 1.0 * draw(random, 0, 9), send_s, 1});
  return costs;
}

TEST(TrainingSchedule, TakesAsLongAsItsOrderWhereNothingTravels) {
  Random random(31);
  for (int i = 0; i < 400; ++i) {
    const TrainingOrder order = random_order(random);
    const TrainingCosts costs = random_costs(random, order, 0);
    const Schedule schedule = training_schedule(order, costs);
    ASSERT_EQ(faults(schedule), std::vector<std::string>{}) << i;
    const traces::Timeline timeline = longest_path(schedule, own_seconds(schedule));
    EXPECT_NEAR(traces::makespan_s(timeline), training_times(order, costs).makespan_s, 1e-9) << i;
  }
}

TEST(TrainingSchedule, CompletesAndOnlyWaitsLongerWhereTransfersQueue) {
  Random random(32);
  for (int i = 0; i < 400; ++i) {
    const TrainingOrder order = random_order(random);
    const TrainingCosts costs = random_costs(random, order, 1.0 * draw(random, 1, 5));
    const Schedule schedule = training_schedule(order, costs);
    ASSERT_TRUE(can_complete(schedule).completes) << i << can_complete(schedule).reason;
    EXPECT_GE(traces::makespan_s(longest_path(schedule, own_seconds(schedule))) + 1e-9,
              training_times(order, costs).makespan_s)
        << i;
  }
}

/// Both inputs of an overlapped pair of rank 1 come from rank 0: one buffer can't hold them.
bool needs_two_buffers(const TrainingOrder& order) {
  bool pairs = false;
  for (const auto& actions : order.ranks)
    for (const Action& action : actions) pairs = pairs || action.kind == traces::OpKind::forward_backward;
  return pairs;
}

TEST(TrainingSchedule, CompletesHoweverFewReceiveBuffersThereAre) {
  Random random(34);
  for (int i = 0; i < 800; ++i) {
    const TrainingOrder order = random_order(random);
    const TrainingCosts costs = random_costs(random, order, 0.5 * draw(random, 0, 4));
    const int buffers = draw(random, needs_two_buffers(order) ? 2 : 1, 4);
    const Schedule schedule = training_schedule(order, costs, buffers);
    ASSERT_EQ(faults(schedule), std::vector<std::string>{}) << i;
    ASSERT_TRUE(can_complete(schedule).completes) << i << " " << buffers << can_complete(schedule).reason;
  }
}

TEST(TrainingSchedule, RefusesOneBufferForTwoInputsOfOneOp) {
  const TrainingOrder order = dualpipe(4, 8);
  const TrainingCosts costs = uniform_costs(8, {1, 1, 1, 0.5, 1});
  EXPECT_THROW(training_schedule(order, costs, 1), input::InputError);
  EXPECT_TRUE(can_complete(training_schedule(order, costs, 2)).completes);
}

TEST(TrainingSchedule, ReadsBackFromItsDocument) {
  Random random(33);
  for (int i = 0; i < 50; ++i) {
    const TrainingOrder order = random_order(random);
    const Schedule schedule = training_schedule(order, random_costs(random, order, 1));
    const input::Document document(to_json(schedule), "schedule.json");
    EXPECT_EQ(schedule_from_json(document.root()), schedule);
  }
}

TEST(TrainingSchedule, SendsEachOutputAndGradientOnce) {
  // 4 ranks, 3 boundaries, 5 micro-batches: 15 outputs and 15 gradients travel, each with two ends.
  const TrainingOrder order = one_f_one_b(4, 5);
  const Schedule schedule = training_schedule(order, uniform_costs(4, {1, 1, 1, 0.5, 1}));
  int transfers = 0;
  for (const Op& op : schedule.ops) transfers += is_transfer(op) ? 1 : 0;
  EXPECT_EQ(transfers, 60);
}

}  // namespace
}  // namespace ppplan::schedule
