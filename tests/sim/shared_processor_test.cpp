// Devices that share a processor: what a compute op lasts depends on how many others compute meanwhile.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

#include "planner/schedule/deadlock.h"
#include "planner/schedule/longest_path.h"
#include "sim/simulate.h"
#include "tests/schedule/random_schedules.h"
#include "tests/sim/clusters.h"

namespace ppplan::sim {
namespace {

using schedule::OpId;
using schedule::Schedule;
using tests::Random;

constexpr double rate = 1e9;

/// One op on each of some devices.
Schedule side_by_side(const std::vector<double>& seconds, double alone_fraction) {
  Schedule schedule;
  for (std::size_t k = 0; k < seconds.size(); ++k) {
    const int device = static_cast<int>(k);
    schedule.devices.push_back({"core " + std::to_string(k), {device}, {schedule::Lane{}}});
    const OpId id = add_compute(schedule, device, {.stage = device}, seconds[k], {});
    schedule.ops[static_cast<std::size_t>(id)].alone_fraction = alone_fraction;
  }
  return schedule;
}

std::vector<double> ends_s(const Schedule& schedule) {
  std::vector<double> out;
  const std::vector<traces::Timeline> simulated = simulate(std::array{schedule}, tests::private_links(6, rate));
  for (const traces::Span& span : simulated.front().spans) out.push_back(span.end_s);
  return out;
}

TEST(SharedProcessor, SpeedsUpWhatIsLeftWhenTheNeighbourStops) {
  // Both at pace 1 until 2 s; 2 of the first one's 4 are left then, which half the time suffices for: 2 + 1.
  const std::vector<double> ends = ends_s(side_by_side({4, 2}, 0.5));
  EXPECT_NEAR(ends[0], 3, 1e-9);
  EXPECT_NEAR(ends[1], 2, 1e-9);
}

TEST(SharedProcessor, LeavesOneDeviceAtTheTimeItHasAlone) {
  EXPECT_NEAR(ends_s(side_by_side({4}, 0.5))[0], 4, 1e-9);  // busy_devices: itself, so these 4 s were taken alone
  Schedule measured_beside_another = side_by_side({4}, 0.5);
  measured_beside_another.busy_devices = 2;
  EXPECT_NEAR(ends_s(measured_beside_another)[0], 2, 1e-9);
}

TEST(SharedProcessor, FollowsTheNumberOfOthersInBetween) {
  // Three cores: with one other busy half of what idle ones spare is spared, 1 - 0.4 / 2 = 0.8 of the seconds.
  // All three until 1 s; then two, which have 2 and 4 left: 2 * 0.8 = 1.6 s later one remains, at 0.6 of the seconds,
  // with 2 left: 1 + 1.6 + 1.2.
  const std::vector<double> ends = ends_s(side_by_side({1, 3, 5}, 0.6));
  EXPECT_NEAR(ends[0], 1, 1e-9);
  EXPECT_NEAR(ends[1], 2.6, 1e-9);
  EXPECT_NEAR(ends[2], 3.8, 1e-9);
}

TEST(SharedProcessor, DoesNotSlowBelowWhatWasMeasured) {
  Schedule schedule = side_by_side({2, 2, 2}, 0.5);
  schedule.busy_devices = 2;  // a third busy one was never measured: the stated seconds are the most that is known
  for (const double end : ends_s(schedule)) EXPECT_NEAR(end, 2, 1e-9);
}

/// How much of an op's seconds its span did, by a walk over the moments at which any compute starts or ends.
double done(const Schedule& schedule, const std::vector<traces::Span>& spans, std::size_t op) {
  std::vector<double> moments;
  for (const traces::Span& span : spans) moments.insert(moments.end(), {span.start_s, span.end_s});
  std::ranges::sort(moments);
  const int at_once = schedule.busy_devices > 0 ? schedule.busy_devices : static_cast<int>(schedule.devices.size());
  double sum = 0;
  for (std::size_t m = 0; m + 1 < moments.size(); ++m) {
    const double from = moments[m], to = moments[m + 1], middle = (from + to) / 2;
    if (middle < spans[op].start_s || middle > spans[op].end_s) continue;
    std::map<int, bool> busy;
    for (const traces::Span& span : spans)
      if (span.key.kind == traces::OpKind::forward && span.start_s <= middle && middle <= span.end_s)
        busy[span.device] = true;
    const bool all = static_cast<int>(busy.size()) >= at_once;
    const double others = all ? 1 : (static_cast<double>(busy.size()) - 1) / (at_once - 1);
    sum += (to - from) / (1 - (1 - schedule.ops[op].alone_fraction) * (1 - others));
  }
  return sum;
}

TEST(SharedProcessor, DoesEveryOpsWorkInItsSpanAndStartsAsTheLongestPathSays) {
  Random random(61);
  std::vector<Schedule> schedules;
  while (schedules.size() < 300) {
    Schedule schedule = tests::random_schedule(random);
    if (!can_complete(schedule).completes) continue;
    if (schedules.size() % 2 == 0) schedule.busy_devices = tests::uniform(random, 1, 5);
    for (schedule::Op& op : schedule.ops)
      if (!is_transfer(op))
        op.alone_fraction = tests::uniform(random, 0, 2) == 0 ? 1 : 0.1 * tests::uniform(random, 2, 9);
    schedules.push_back(std::move(schedule));
  }
  const auto timelines = simulate(schedules, tests::private_links(6, rate));
  for (std::size_t k = 0; k < schedules.size(); ++k) {
    const Schedule& schedule = schedules[k];
    std::map<std::pair<int, traces::OpKey>, traces::Span> by_key;
    for (const traces::Span& span : timelines[k].spans) by_key[{span.device, span.key}] = span;
    std::vector<traces::Span> spans;
    for (const schedule::Op& op : schedule.ops) spans.push_back(by_key.at({op.device, op.key}));
    std::vector<double> lasted;
    for (std::size_t id = 0; id < spans.size(); ++id) {
      lasted.push_back(spans[id].end_s - spans[id].start_s);
      if (is_transfer(schedule.ops[id])) continue;
      ASSERT_NEAR(done(schedule, spans, id), schedule.ops[id].seconds, 1e-9) << "schedule " << k << " op " << id;
    }
    const traces::Timeline computed = longest_path(schedule, lasted);
    ASSERT_NEAR(makespan_s(timelines[k]), makespan_s(computed), 1e-9) << "schedule " << k;
    for (const traces::Span& span : computed.spans)
      ASSERT_NEAR(by_key.at({span.device, span.key}).start_s, span.start_s, 1e-9) << "schedule " << k;
  }
}

}  // namespace
}  // namespace ppplan::sim
