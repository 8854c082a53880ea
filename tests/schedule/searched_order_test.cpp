// Searched orders: sound, within their limits, never waiting for ever, and as long as they say.
#include "planner/schedule/searched_order.h"

#include <gtest/gtest.h>

#include "planner/input/input_error.h"
#include "planner/schedule/deadlock.h"
#include "planner/schedule/longest_path.h"
#include "planner/schedule/training_bound.h"
#include "planner/schedule/training_schedule.h"
#include "tests/schedule/random_training.h"

namespace ppplan::schedule {
namespace {

using tests::draw;

SearchedRequest random_request(tests::TrainingRandom& random, int seed) {
  SearchedRequest request;
  request.kind = searched_names()[static_cast<std::size_t>(draw(random, 0, 4))];
  request.ranks = seed % 100 == 0 ? draw(random, 9, 32) : draw(random, 1, 6);
  request.micro_batches = draw(random, 1, seed % 100 == 0 ? 40 : 12);
  request.costs = tests::random_training(random, request.ranks * chunks_of_searched(request.kind));
  request.memory_limit = tests::random_limit(random, request.ranks, request.costs, 2 * request.ranks);
  request.objective = draw(random, 0, 1) == 0 ? Objective::barrier : Objective::span;
  return request;
}

TEST(SearchedOrder, IsSoundFitsItsLimitAndCompletes) {
  for (int seed = 0; seed < 3000; ++seed) {
    tests::TrainingRandom random(static_cast<unsigned>(seed));
    const SearchedRequest request = random_request(random, seed);
    const SearchedOrder found = searched_order(request);
    ASSERT_EQ(order_faults(found.order), std::vector<std::string>{}) << seed << request.kind;
    const TrainingTimes times = training_times(found.order, request.costs);
    ASSERT_TRUE(within(times, request.memory_limit)) << seed << request.kind;
    const TrainingBound bound = training_bound(found.order, request.costs, request.memory_limit);
    ASSERT_LE(bound.makespan_s, times.makespan_s * (1 + 1e-9)) << seed << request.kind;
    ASSERT_LE(bound.span_s, times.span_s * (1 + 1e-9)) << seed << request.kind;
    const Schedule schedule = training_schedule(found.order, request.costs, times, 0);
    ASSERT_TRUE(can_complete(schedule).completes) << seed << request.kind;
    const auto timeline = longest_path(schedule, own_seconds(schedule));
    ASSERT_NEAR(traces::makespan_s(timeline), times.makespan_s, 1e-9 * times.makespan_s) << seed << request.kind;
  }
}

TEST(SearchedOrder, TakesAsLongAsItSays) {
  for (int seed = 5000; seed < 5300; ++seed) {
    tests::TrainingRandom random(static_cast<unsigned>(seed));
    const SearchedRequest request = random_request(random, seed);
    const SearchedOrder found = searched_order(request);
    const TrainingTimes times = training_times(found.order, request.costs);
    double best_s = times.makespan_s;
    for (const Candidate& c : found.tried)
      if (c.fits) best_s = std::min(best_s, request.objective == Objective::span ? c.span_s : c.makespan_s);
    const double length_s = request.objective == Objective::span ? times.span_s : times.makespan_s;
    EXPECT_LE(length_s, best_s * (1 + 1e-9)) << seed << request.kind;
  }
}

// Large enough for attempts to run side by side: whichever ends first, the outcome is one.
TEST(SearchedOrder, IsTheSameHoweverThreadsAreScheduled) {
  for (const std::string& kind : searched_names()) {
    tests::TrainingRandom random(11);
    SearchedRequest request;
    request.kind = kind;
    request.ranks = 16;
    request.micro_batches = 1100;
    request.costs = tests::random_training(random, request.ranks * chunks_of_searched(kind));
    const SearchedOrder first = searched_order(request);
    EXPECT_EQ(order_faults(first.order), std::vector<std::string>{}) << kind;
    for (int again = 0; again < 3; ++again) {
      const SearchedOrder found = searched_order(request);
      EXPECT_EQ(found.winner, first.winner) << kind;
      EXPECT_EQ(found.tried, first.tried) << kind;
      EXPECT_TRUE(found.order == first.order) << kind;
    }
  }
}

TEST(SearchedOrder, NeedsNoBubbleInItsSpanWithRoomForTwoPipelines) {
  // 4 equal stages, 16 micro-batches of 3: at room for 2p the span is work alone, 48; the last rank starts after 3.
  SearchedRequest request{"zb-auto", 4, 16, uniform_costs(4, {1, 1, 1, 0, 1}), {8, 8, 8, 8}, Objective::barrier};
  EXPECT_EQ(training_times(searched_order(request).order, request.costs).makespan_s, 51);
  request.objective = Objective::span;
  EXPECT_EQ(training_times(searched_order(request).order, request.costs).span_s, 48);
}

TEST(SearchedOrder, RefusesWhatHoldsNoMicroBatch) {
  SearchedRequest request{"zb-v", 2, 4, uniform_costs(4, {1, 1, 1, 0, 1}), {2, 1.9}, Objective::barrier};
  EXPECT_THROW(searched_order(request), input::InputError);
  request.memory_limit = {2};
  EXPECT_THROW(searched_order(request), input::InputError);
  request.memory_limit = {};
  request.micro_batches = 0;
  EXPECT_THROW(searched_order(request), input::InputError);
  request.micro_batches = 4;
  request.costs.stages[1].forward_s = -1;
  EXPECT_THROW(searched_order(request), input::InputError);
}

}  // namespace
}  // namespace ppplan::schedule
