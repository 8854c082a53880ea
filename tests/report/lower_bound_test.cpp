// The bound is never above what any order reaches, and is reached where that is known.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "planner/input/input_error.h"
#include "planner/report/bubble_report.h"
#include "planner/schedule/deadlock.h"
#include "tests/report/example_schedules.h"

namespace ppplan::report {
namespace {

using schedule::Schedule;

double makespan_of(const Schedule& schedule) {
  return traces::makespan_s(schedule::longest_path(schedule, schedule::own_seconds(schedule)));
}
double bound_of(const Schedule& schedule) { return lower_bound_s(schedule, schedule::own_seconds(schedule)); }

TEST(LowerBound, IsNeverAboveTheMakespan) {
  tests::Random random(31);
  for (int round = 0; round < 500; ++round) {
    const Schedule schedule = tests::random_schedule(random);
    EXPECT_LE(bound_of(schedule), makespan_of(schedule) * (1 + 1e-12));
  }
}

TEST(LowerBound, OfEqualStagesIsTheMakespan) {
  // (p - 1 + m) c + (p - 1) t: the last stage starts after p - 1 computes and transfers, then works m c.
  for (int p : {1, 2, 5})
    for (int m : {1, 4, 9}) {
      const Schedule schedule = tests::forward(std::vector<double>(static_cast<std::size_t>(p), 2.0), 0.5, m);
      EXPECT_DOUBLE_EQ(bound_of(schedule), (p - 1 + m) * 2.0 + (p - 1) * 0.5);
      EXPECT_DOUBLE_EQ(makespan_of(schedule), bound_of(schedule));
    }
}

TEST(LowerBound, OfUnequalStagesIsTheSlowestOnesWorkWithFillAndDrain) {
  // Stage 1 of {1, 4, 2}: starts at 1, works 5 * 4, then 2 more seconds on stage 2: 23.
  const Schedule schedule = tests::forward({1, 4, 2}, 0, 5);
  EXPECT_DOUBLE_EQ(bound_of(schedule), 23);
  EXPECT_DOUBLE_EQ(makespan_of(schedule), 23);
}

TEST(LowerBound, OfOneForwardOneBackwardIsTheMakespan) {
  // Stage 0: m (F + BW) of work, whose first forward starts at 0 and whose last backward ends the run; stage p - 1:
  // starts after (p - 1) F and is followed by (p - 1) BW: (p - 1 + m)(F + BW) in all.
  for (int p : {1, 2, 4}) EXPECT_DOUBLE_EQ(bound_of(tests::one_forward_one_backward(p, 8, {{}})), (p - 1 + 8) * 3.0);
}

TEST(LowerBound, OfOneCohortIsItsChain) {
  // Two rounds through two stages: 1 + 0.25 + 1 and a return of 0.5 per round.
  const Schedule schedule = schedule::decode_rounds(tests::shape_of(2), {tests::costs_of({1, 1}, 0.25, 0.5)}, 2);
  EXPECT_DOUBLE_EQ(bound_of(schedule), 2 * 2.75);
  EXPECT_DOUBLE_EQ(makespan_of(schedule), 2 * 2.75);
}

TEST(LowerBound, OfASlowLinkIsTheLinksWork) {
  // Transfers of 3 s one after another: 1 + 4 * 3 + 1.
  const Schedule schedule = tests::forward({1, 1}, 3, 4);
  EXPECT_DOUBLE_EQ(bound_of(schedule), 14);
  EXPECT_DOUBLE_EQ(makespan_of(schedule), 14);
}

/// Two devices with up to four ops each and random dependencies from earlier to later ops.
Schedule random_small(tests::Random& random) {
  Schedule schedule;
  schedule.receive_buffers = 0;
  schedule.devices = {{"a", {0}, {}}, {"b", {1}, {}}};
  const int count = tests::between(2, 8, random);
  for (int id = 0; id < count; ++id) {
    std::vector<schedule::OpId> after;
    for (int other = 0; other < id; ++other)
      if (tests::between(0, 3, random) == 0) after.push_back(other);
    add_compute(schedule, id % 2, {.micro_batch = id}, tests::between(0.1, 2.0, random), after);
  }
  return schedule;
}

double best_of_all_orders(Schedule schedule) {
  double best = std::numeric_limits<double>::infinity();
  auto& a = schedule.devices[0].lanes.front().ops;
  auto& b = schedule.devices[1].lanes.front().ops;
  std::sort(a.begin(), a.end());
  do {
    std::sort(b.begin(), b.end());
    do {
      if (schedule::can_complete(schedule).completes) best = std::min(best, makespan_of(schedule));
    } while (std::next_permutation(b.begin(), b.end()));
  } while (std::next_permutation(a.begin(), a.end()));
  return best;
}

TEST(LowerBound, IsNeverAboveTheBestOfAllOrders) {
  tests::Random random(32);
  int reached = 0;
  for (int round = 0; round < 40; ++round) {
    const Schedule schedule = random_small(random);
    const double best = best_of_all_orders(schedule);
    EXPECT_LE(bound_of(schedule), best * (1 + 1e-12));
    if (bound_of(schedule) > best * (1 - 1e-12)) ++reached;
  }
  EXPECT_GT(reached, 20);
}

TEST(LowerBound, OpsThatWaitInACircleAreBadInput) {
  Schedule schedule;
  schedule.devices = {{"a", {0}, {}}};
  add_compute(schedule, 0, {.micro_batch = 0}, 1, {1});
  add_compute(schedule, 0, {.micro_batch = 1}, 1, {0});
  EXPECT_THROW(bound_of(schedule), input::InputError);
}

TEST(LowerBound, IdsThatAreNotThereAreBadInput) {
  Schedule schedule;
  schedule.devices = {{"a", {0}, {}}};
  add_compute(schedule, 0, {}, 1, {7});
  EXPECT_THROW(lower_bound_s(schedule, {1.0}), input::InputError);
}

}  // namespace
}  // namespace ppplan::report
