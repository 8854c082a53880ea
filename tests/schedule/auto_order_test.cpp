// The automatic order against every order there is (tiny steps), every named one, and its own bound.
#include "planner/schedule/auto_order.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <utility>

#include "planner/input/input_error.h"
#include "planner/schedule/deadlock.h"
#include "planner/schedule/named_order.h"
#include "planner/schedule/order_layout.h"
#include "planner/schedule/training_schedule.h"
#include "tests/schedule/random_training.h"

namespace ppplan::schedule {
namespace {

using tests::draw;
using traces::OpKind;

AutoRequest request_of(int p, int m, int chunks, TrainingCosts costs, std::vector<double> limit) {
  AutoRequest request;
  request.ranks = p;
  request.micro_batches = m;
  request.chunks = chunks;
  request.costs = std::move(costs);
  request.memory_limit = std::move(limit);
  request.time_limit_s = 1000;  // the search ends by itself, however slow the machine
  return request;
}

double length_s(const AutoRequest& request, const TrainingTimes& times) {
  return request.objective == Objective::span ? times.span_s : times.makespan_s;
}

/// Every order of one stage's forwards, input and weight gradients within a limit; equal micro-batches keep their
/// order.
std::vector<std::vector<Action>> orders_of(int stage, int m, double activation, double released, double limit) {
  std::vector<std::vector<Action>> out;
  std::vector<Action> now;
  const std::function<void(int, int, int)> extend = [&](int f, int b, int w) {
    if (w == m) return out.push_back(now);
    const double held = activation * (f - b * released - w * (1 - released));
    const auto with = [&](OpKind kind, int k, int df, int db, int dw) {
      now.push_back({kind, stage, k});
      extend(f + df, b + db, w + dw);
      now.pop_back();
    };
    if (f < m && held + activation <= limit * (1 + 1e-9)) with(OpKind::forward, f, 1, 0, 0);
    if (b < f) with(OpKind::backward_input, b, 0, 1, 0);
    if (w < b) with(OpKind::backward_weight, w, 0, 0, 1);
  };
  extend(0, 0, 0);
  return out;
}

/// Whether no rank waits for ever: ranks move on in turn for as long as any can.
bool can_complete(const TrainingOrder& order) {
  const int p = static_cast<int>(order.ranks.size());
  std::vector<std::size_t> done(order.ranks.size());
  std::vector<int> forwards(order.ranks.size()), gradients(order.ranks.size());
  const auto runs = [&](int rank) {
    const auto r = static_cast<std::size_t>(rank);
    const Action& next = order.ranks[r][done[r]];
    if (next.kind == OpKind::forward && rank > 0) return forwards[r - 1] > next.micro_batch;
    if (next.kind == OpKind::backward_input && rank + 1 < p) return gradients[r + 1] > next.micro_batch;
    return true;
  };
  for (bool moved = true; std::exchange(moved, false);)
    for (int rank = 0; rank < p; ++rank)
      for (const auto r = static_cast<std::size_t>(rank); done[r] < order.ranks[r].size() && runs(rank); moved = true) {
        const OpKind kind = order.ranks[r][done[r]++].kind;
        if (kind == OpKind::forward) ++forwards[r];
        if (kind == OpKind::backward_input) ++gradients[r];
      }
  for (std::size_t r = 0; r < done.size(); ++r)
    if (done[r] < order.ranks[r].size()) return false;
  return true;
}

/// The best of all orders with one stage a rank.
double best_of_all_s(const AutoRequest& request) {
  TrainingOrder order = looped_layout(request.ranks, request.micro_batches, 1);
  double best_s = std::numeric_limits<double>::infinity();
  const std::function<void(int)> fill = [&](int rank) {
    if (rank == request.ranks) {
      // Many of them wait for ever.
      if (can_complete(order)) best_s = std::min(best_s, length_s(request, training_times(order, request.costs)));
      return;
    }
    const auto i = static_cast<std::size_t>(rank);
    const double limit = request.memory_limit.empty() ? 1e9 : request.memory_limit[i];
    for (auto& actions : orders_of(rank, request.micro_batches, request.costs.stages[i].activation,
                                   request.costs.released_by_input_gradient, limit)) {
      order.ranks[i] = std::move(actions);
      fill(rank + 1);
    }
  };
  fill(0);
  return best_s;
}

TEST(AutoOrder, IsTheBestOfAllOrdersOfTinySteps) {
  int cases = 0, best = 0;
  for (int seed = 0; seed < 40; ++seed) {
    tests::TrainingRandom random(static_cast<unsigned>(seed));
    const int p = draw(random, 1, 3), m = draw(random, 1, p == 3 ? 2 : 3);
    const TrainingCosts costs = tests::random_training(random, p);
    AutoRequest request = request_of(p, m, 1, costs, tests::random_limit(random, p, costs, p));
    request.objective = draw(random, 0, 1) == 0 ? Objective::barrier : Objective::span;
    const double optimum_s = best_of_all_s(request);
    const AutoOrder found = auto_order(request);
    const double found_s = length_s(request, training_times(found.order, found.costs));
    EXPECT_GE(found_s, optimum_s * (1 - 1e-12)) << seed;
    EXPECT_LE(found.bound_s, optimum_s * (1 + 1e-12)) << seed;
    ++cases;
    if (found_s <= optimum_s * (1 + 1e-12)) ++best;
  }
  RecordProperty("optimal", best);
  EXPECT_GE(best, cases * 95 / 100) << best << " of " << cases;
}

TEST(AutoOrder, IsNeverLongerThanANamedOrderThatFits) {
  for (int seed = 0; seed < 60; ++seed) {
    tests::TrainingRandom random(static_cast<unsigned>(seed));
    const int p = draw(random, 1, 6), m = draw(random, 1, 10), chunks = draw(random, 1, 4);
    const TrainingCosts costs = tests::random_training(random, p * chunks);
    AutoRequest request = request_of(p, m, chunks, costs, tests::random_limit(random, p, costs, 2 * p));
    request.objective = draw(random, 0, 1) == 0 ? Objective::barrier : Objective::span;
    request.time_limit_s = 0;  // what is promised holds without a search
    const AutoOrder found = auto_order(request);
    const TrainingTimes times = training_times(found.order, found.costs);
    ASSERT_TRUE(within(times, request.memory_limit)) << seed;
    EXPECT_LE(found.bound_s, length_s(request, times) * (1 + 1e-9)) << seed;
    for (const std::string& kind :
         std::vector<std::string>{"gpipe", "1f1b", "interleaved", "looped-bfs", "zb-h1", "zb-h2", "zbv-torch"}) {
      const int v = kind == "interleaved" || kind == "looped-bfs" ? chunks : kind == "zbv-torch" ? 2 : 1;
      const auto own = v <= chunks ? regrouped(costs, p, chunks, v) : std::nullopt;
      if (!own) continue;
      const TrainingTimes named = training_times(named_order({kind, p, m, v}), *own);
      if (!within(named, request.memory_limit)) continue;
      EXPECT_LE(length_s(request, times), length_s(request, named) * (1 + 1e-12)) << seed << kind;
    }
  }
}

TEST(AutoOrder, CompletesWhereMessagesMeet) {
  for (int seed = 100; seed < 160; ++seed) {
    tests::TrainingRandom random(static_cast<unsigned>(seed));
    const int p = draw(random, 1, 8), m = draw(random, 1, 8), chunks = draw(random, 1, 3);
    const TrainingCosts costs = tests::random_training(random, p * chunks);
    AutoRequest request = request_of(p, m, chunks, costs, tests::random_limit(random, p, costs, 2 * p));
    request.time_limit_s = 0.005;
    const AutoOrder found = auto_order(request);
    EXPECT_TRUE(can_complete(training_schedule(found.order, found.costs)).completes) << seed;
  }
}

TEST(AutoOrder, ReachesTheBoundWithRoomForTwoPipelines) {
  for (const auto& [p, m] : {std::pair{2, 4}, {4, 8}, {4, 11}, {6, 12}, {8, 16}})
    for (const StageTraining& each :
         {StageTraining{1, 1, 1, 0, 1}, {10, 12, 8, 1, 1}, {10, 20, 10, 0, 1}, {9, 9, 5, 0.3, 1}}) {
      const AutoRequest request =
          request_of(p, m, 1, uniform_costs(p, each), std::vector<double>(static_cast<std::size_t>(p), 2.0 * p));
      const AutoOrder found = auto_order(request);
      // The last rank waits for its first forward and has no idle time after it.
      const double bound_s = (p - 1) * (each.forward_s + each.send_s) +
                             m * (each.forward_s + each.backward_input_s + each.backward_weight_s);
      EXPECT_NEAR(training_times(found.order, found.costs).makespan_s, bound_s, 1e-9 * bound_s)
          << p << " " << m << " " << found.winner;
    }
}

TEST(AutoOrder, IsTheSameForASeed) {
  const AutoRequest request = request_of(3, 5, 2, uniform_costs(6, {3, 4, 2, 0.5, 1}), {3, 3, 3});
  const AutoOrder first = auto_order(request), second = auto_order(request);
  EXPECT_EQ(first.order, second.order);
  EXPECT_EQ(first.tried, second.tried);
}

TEST(AutoOrder, SaysWhatItLeftOut) {
  TrainingCosts costs = uniform_costs(9, {1, 1, 1, 0, 1});
  costs.stages[4].forward_s = 2;
  AutoRequest request = request_of(3, 4, 3, costs, {});
  request.time_limit_s = 0;
  const AutoOrder found = auto_order(request);
  ASSERT_FALSE(found.not_tried.empty());
  EXPECT_EQ(found.not_tried.front(), "2 chunks a rank: 9 unequal stages do not group into them");
  EXPECT_NE(found.not_tried.back().find("the time limit was over"), std::string::npos) << found.not_tried.back();
}

TEST(AutoOrder, RefusesBadInput) {
  const TrainingCosts costs = uniform_costs(2, {1, 1, 1, 0, 1});
  EXPECT_THROW(auto_order(request_of(0, 4, 1, costs, {})), input::InputError);
  EXPECT_THROW(auto_order(request_of(2, 0, 1, costs, {})), input::InputError);
  EXPECT_THROW(auto_order(request_of(2, 4, 1, costs, {1, 0.5})), input::InputError);
  AutoRequest request = request_of(2, 4, 1, costs, {});
  request.time_limit_s = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(auto_order(request), input::InputError);
  request.time_limit_s = 1;
  request.costs.stages[0].backward_weight_s = std::numeric_limits<double>::infinity();
  EXPECT_THROW(auto_order(request), input::InputError);
}

}  // namespace
}  // namespace ppplan::schedule
