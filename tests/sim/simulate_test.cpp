#include "sim/simulate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <map>

#include "planner/input/input_error.h"
#include "planner/schedule/deadlock.h"
#include "planner/schedule/longest_path.h"
#include "sim/workers.h"
#include "tests/schedule/random_schedules.h"
#include "tests/sim/clusters.h"

namespace ppplan::sim {
namespace {

using schedule::Schedule;
using tests::Random;

constexpr double rate = 1e9;

/// What each op lasts where no two transfers share a link.
std::vector<double> uncontended_s(const Schedule& schedule) {
  std::vector<double> durations = schedule::own_seconds(schedule);
  for (std::size_t id = 0; id < durations.size(); ++id)
    if (is_transfer(schedule.ops[id])) durations[id] += static_cast<double>(schedule.ops[id].bytes) / rate;
  return durations;
}

using Times = std::map<std::pair<int, traces::OpKey>, std::pair<double, double>>;

Times times(const traces::Timeline& timeline) {
  Times by_key;
  for (const traces::Span& span : timeline.spans) by_key[{span.device, span.key}] = {span.start_s, span.end_s};
  return by_key;
}

void expect_close(double a, double b) { ASSERT_NEAR(a, b, 1e-9 * std::max(1.0, std::abs(b))); }

/// 1e-9 relative or 1e-9 s, whichever is larger.
void expect_same(const traces::Timeline& simulated, const traces::Timeline& computed) {
  const Times a = times(simulated), b = times(computed);
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [key, when] : b) {
    const auto found = a.find(key);
    ASSERT_NE(found, a.end());
    expect_close(found->second.first, when.first);
    expect_close(found->second.second, when.second);
  }
}

void expect_agreement(const std::vector<Schedule>& schedules) {
  const auto simulated = simulate(schedules, tests::private_links(6, rate));
  ASSERT_EQ(simulated.size(), schedules.size());
  for (std::size_t k = 0; k < schedules.size(); ++k)
    ASSERT_NO_FATAL_FAILURE(expect_same(simulated[k], longest_path(schedules[k], uncontended_s(schedules[k]))))
        << "schedule " << k;
}

TEST(Simulate, AgreesWithTheLongestPathOnRandomSchedules) {
  Random random(51);
  std::vector<Schedule> schedules;
  while (schedules.size() < 2000) {
    Schedule schedule = tests::random_schedule(random);
    if (schedules.size() % 2 == 0) tests::add_groups(random, schedule);
    if (can_complete(schedule).completes) schedules.push_back(std::move(schedule));
  }
  expect_agreement(schedules);
}

TEST(Simulate, AgreesWithTheLongestPathOnRandomPipelines) {
  Random random(52);
  std::vector<Schedule> schedules;
  for (int trial = 0; trial < 1500; ++trial) {
    const int stages = tests::uniform(random, 1, 6);
    const schedule::PipelineShape shape = tests::random_shape(random, stages);
    const bool decode = trial % 2 == 0;
    std::vector<schedule::MicroBatchCosts> costs;
    for (int k = tests::uniform(random, 1, 5); k > 0; --k) costs.push_back(tests::random_costs(random, stages, decode));
    std::vector<int> class_of(static_cast<std::size_t>(tests::uniform(random, 1, 20)));
    for (int& cost_class : class_of) cost_class = tests::uniform(random, 0, static_cast<int>(costs.size()) - 1);
    schedules.push_back(decode ? decode_rounds(shape, costs, tests::uniform(random, 1, 4))
                               : forward_stream(shape, costs, class_of));
  }
  expect_agreement(schedules);
}

TEST(Simulate, BlocksExactlyWhereTheDeadlockCheckSaysSo) {
  Random random(53);
  int blocked = 0;
  for (int trial = 0; trial < 60; ++trial) {
    Schedule schedule = tests::random_schedule(random);
    schedule.receive_buffers = 1;
    const schedule::Progress progress = can_complete(schedule);
    blocked += !progress.completes;
    if (progress.completes) {
      EXPECT_NO_THROW(simulate(std::array{schedule}, tests::private_links(6, rate)));
      continue;
    }
    try {
      simulate(std::array{schedule}, tests::private_links(6, rate));
      FAIL() << "completed";
    } catch (const input::InputError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(progress.reason));
    }
  }
  EXPECT_GT(blocked, 5);
}

Schedule pipeline(int stages, int micro_batches) {
  schedule::PipelineShape shape;
  for (int stage = 0; stage < stages; ++stage) shape.members.push_back({stage});
  schedule::MicroBatchCosts costs;
  for (int stage = 0; stage < stages; ++stage) costs.stage_s.push_back(1e-3 + 1e-4 / (stage + 3));
  costs.boundary_s.assign(static_cast<std::size_t>(stages) - 1, 1.1e-5);
  costs.boundary_bytes.assign(static_cast<std::size_t>(stages) - 1, 700'000);
  return forward_stream(shape, {costs}, std::vector<int>(static_cast<std::size_t>(micro_batches)));
}

TEST(Simulate, GivesTheSameBitsFromRunToRun) {
  std::vector<Schedule> schedules;
  for (int k = 1; k <= 40; ++k) schedules.push_back(pipeline(k % 6 + 1, k));
  const spec::ClusterSpec cluster = tests::switched(6, rate, true);  // shared links
  EXPECT_EQ(simulate(schedules, cluster), simulate(schedules, cluster));
}

TEST(Simulate, BatchesGiveWhatSingleRunsGive) {
  std::vector<Schedule> schedules;
  for (int k = 1; k <= 12; ++k) schedules.push_back(pipeline(k % 6 + 1, 300 / k));
  const spec::ClusterSpec cluster = tests::switched(6, rate);
  const auto together = simulate(schedules, cluster);
  for (std::size_t k = 0; k < schedules.size(); ++k)
    ASSERT_NO_FATAL_FAILURE(expect_same(together[k], simulate(std::array{schedules[k]}, cluster)[0]));
}

TEST(Simulate, TakesMoreSchedulesThanProcessorsAndLeavesNoProcess) {
  // Each is large enough for a process of its own: 6 stages, 1000 micro-batches, 11,000 activities.
  const std::vector<Schedule> schedules(processor_count() + 3, pipeline(6, 1000));
  const auto timelines = simulate(schedules, tests::switched(6, rate));
  ASSERT_EQ(timelines.size(), schedules.size());
  for (const traces::Timeline& timeline : timelines) EXPECT_EQ(timeline, timelines[0]);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(Simulate, TimelineHoldsASpanPerOpWithItsKey) {
  const Schedule schedule = pipeline(3, 4);
  const traces::Timeline timeline = simulate(std::array{schedule}, tests::switched(3, rate))[0];
  EXPECT_EQ(timeline.origin, "simulated");
  EXPECT_EQ(timeline.devices, (std::vector<std::string>{"stage 0", "stage 1", "stage 2"}));
  ASSERT_EQ(timeline.spans.size(), schedule.ops.size());
  const Times by_key = times(timeline);
  for (const schedule::Op& op : schedule.ops) EXPECT_TRUE(by_key.contains({op.device, op.key}));
  EXPECT_TRUE(std::ranges::is_sorted(timeline.spans, {}, &traces::Span::start_s));
}

TEST(Simulate, NothingTakesNoTime) {
  EXPECT_TRUE(simulate({}, {}).empty());
  EXPECT_TRUE(simulate(std::array{Schedule{}}, {})[0].spans.empty());
  // A long chain of activities without duration: no stack, no engine step.
  Schedule schedule;
  schedule.devices = {{"d", {}, {schedule::Lane{}}}};
  for (int k = 0; k < 200'000; ++k) add_compute(schedule, 0, {.micro_batch = k}, 0, {});
  EXPECT_EQ(traces::makespan_s(simulate(std::array{schedule}, {})[0]), 0);
}

void expect_rejected(const std::vector<Schedule>& schedules, const spec::ClusterSpec& cluster,
                     const std::string& part) {
  try {
    simulate(schedules, cluster);
    FAIL() << "accepted: " << part;
  } catch (const input::InputError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(part));
  }
}

TEST(Simulate, NamesWhatIsWrongWithItsInput) {
  const spec::ClusterSpec two = tests::switched(2, rate);
  expect_rejected({pipeline(3, 1)}, two, "'stage 2' is on device 2, expected one below 2");
  Schedule faulty = pipeline(2, 1);
  faulty.ops[0].seconds = -1;
  expect_rejected({pipeline(2, 1), faulty}, two, "schedule 1: op 0");
  Schedule nowhere = pipeline(2, 1);
  nowhere.devices[1].members.clear();
  expect_rejected({nowhere}, two, "no devices of the cluster");
  spec::ClusterSpec apart = two;
  apart.devices[1].paths[0].meets = "another switch";
  expect_rejected({pipeline(2, 1)}, apart, "");
  spec::ClusterSpec dead = two;
  dead.links[1].bandwidth_bytes_per_s = 0;
  expect_rejected({pipeline(2, 1)}, dead, "'link1'");
}

TEST(Simulate, DevicesWithoutBytesNeedNoCluster) {
  Schedule schedule;
  schedule.devices = {{"d", {}, {schedule::Lane{}}}};
  add_compute(schedule, 0, {}, 2, {});
  EXPECT_EQ(traces::makespan_s(simulate(std::array{schedule}, {})[0]), 2);
}

}  // namespace
}  // namespace ppplan::sim
