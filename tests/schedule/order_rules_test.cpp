// Named orders against what is derived by hand and what holds for any of them.
#include "planner/schedule/order_rules.h"

#include <gtest/gtest.h>

#include <functional>

#include "planner/input/input_error.h"
#include "planner/schedule/training_times.h"

namespace ppplan::schedule {
namespace {

TrainingCosts units(const TrainingOrder& order, double send_s = 0) {
  return uniform_costs(static_cast<int>(order.rank_of.size()), {1, 1, 1, send_s, 1});
}

TEST(OrderRules, FillAndDrainCostRanksMinusOneSlots) {
  // (m + p - 1) slots of forward + both gradients: (8 + 3) x 3.
  for (const TrainingOrder& order : {gpipe(4, 8), one_f_one_b(4, 8), looped_bfs(4, 8, 1)})
    EXPECT_EQ(training_times(order, units(order)).makespan_s, 33);
}

TEST(OrderRules, ActivationsOfOneFOneBFallFromRankToRank) {
  const TrainingOrder order = one_f_one_b(4, 8);
  EXPECT_EQ(training_times(order, units(order)).peak_micro_batches, (std::vector<int>{4, 3, 2, 1}));
  EXPECT_EQ(training_times(gpipe(4, 8), units(order)).peak_micro_batches, (std::vector<int>{8, 8, 8, 8}));
}

TEST(OrderRules, InterleavingDividesTheBubbleByTheChunks) {
  // m v forwards and gradients of a chunk each, and (p - 1) of them idle: 8 x 2 x 3 + 3 x 3.
  const TrainingOrder order = interleaved(4, 8, 2);
  EXPECT_EQ(training_times(order, units(order)).makespan_s, 57);
}

TEST(OrderRules, ZeroBubbleNeedsNoIdleTimeInItsSpan) {
  const TrainingOrder h2 = zb_h2(4, 16);
  EXPECT_EQ(training_times(h2, units(h2)).span_s, 16 * 3);
  EXPECT_EQ(training_times(h2, units(h2)).peak_micro_batches, (std::vector<int>(4, 7)));  // 2p - 1
  const TrainingOrder h1 = zb_h1(4, 16);
  EXPECT_EQ(training_times(h1, units(h1)).span_s, 16 * 3 + 3);  // (p - 1)(F + B - W)
  EXPECT_EQ(training_times(h1, units(h1)).peak_micro_batches, (std::vector<int>(4, 4)));
  const TrainingOrder v = zbv(4, 16);
  EXPECT_EQ(training_times(v, units(v)).span_s, 2 * 16 * 3);
}

TEST(OrderRules, AreSoundForAllSmallSizes) {
  const std::vector<std::function<TrainingOrder(int, int)>> rules{
      gpipe,
      one_f_one_b,
      zb_h1,
      zb_h2,
      zbv,
      dualpipe,
      dualpipe_v,
      [](int p, int m) { return interleaved(p, m, 3); },
      [](int p, int m) { return interleaved(p, m, 2, p + 1); },
      [](int p, int m) { return group_interleaved(p, m, 2, (p + 1) / 2); },
      [](int p, int m) { return looped_bfs(p, m, 4); }};
  int sound = 0;
  for (std::size_t rule = 0; rule < rules.size(); ++rule) {
    for (int p = 1; p <= 9; ++p) {
      for (int m = 1; m <= 20; ++m) {
        try {
          const TrainingOrder order = rules[rule](p, m);
          ASSERT_EQ(order_faults(order), std::vector<std::string>{}) << rule << " " << p << " " << m;
          EXPECT_GT(training_times(order, units(order, 0.5)).makespan_s, 0) << rule << " " << p << " " << m;
          ++sound;
        } catch (const input::InputError& error) {
          EXPECT_NE(std::string(error.what()).find("expected"), std::string::npos)
              << rule << " " << p << " " << m << error.what();
        }
      }
    }
  }
  EXPECT_GT(sound, 1000);
}

TEST(OrderRules, RefuseSizesThatAllowNoOrder) {
  EXPECT_THROW(gpipe(0, 4), input::InputError);
  EXPECT_THROW(one_f_one_b(4, 0), input::InputError);
  EXPECT_THROW(interleaved(4, 8, 0), input::InputError);
  EXPECT_THROW(group_interleaved(8, 8, 2, 3), input::InputError);
  EXPECT_THROW(dualpipe(3, 8), input::InputError);
  EXPECT_THROW(dualpipe(4, 9), input::InputError);
  EXPECT_THROW(dualpipe_v(4, 7), input::InputError);
}

}  // namespace
}  // namespace ppplan::schedule
