#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "planner/schedule/deadlock.h"
#include "tests/schedule/random_schedules.h"

namespace ppplan::schedule {
namespace {

using tests::Random;
using traces::OpKind;

/// Ops 0 forward on a, 1 send, 2 recv, 3 forward on b, 4 send, 5 recv (second micro-batch), 6 forward on b.
Schedule sound() {
  Schedule schedule;
  schedule.devices = {{"a", {0}, {Lane{}}}, {"b", {1}, {Lane{}}}};
  add_compute(schedule, 0, {.kind = OpKind::forward}, 1, {});
  for (int k = 0; k < 2; ++k) {
    const TransferIds ids = add_transfer(schedule, 0, 1, {.kind = OpKind::send, .micro_batch = k}, 0.5, 8, {0});
    add_compute(schedule, 1, {.kind = OpKind::forward, .stage = 1, .micro_batch = k}, 1, {ids.recv});
  }
  return schedule;
}

struct Break {
  const char* said;
  std::function<void(Schedule&)> apply;
};

TEST(Faults, EachIsFoundAndNamed) {
  ASSERT_TRUE(faults(sound()).empty());
  const std::vector<Break> breaks = {
      {"which the schedule lacks", [](Schedule& s) { s.ops[0].device = 2; }},
      {"finite time", [](Schedule& s) { s.ops[0].seconds = -1; }},
      {"finite time", [](Schedule& s) { s.ops[0].seconds = std::numeric_limits<double>::quiet_NaN(); }},
      {"bytes, expected", [](Schedule& s) { s.ops[1].bytes = -8; }},
      {"partner 99", [](Schedule& s) { s.ops[1].partner = 99; }},
      {"waits for op 99", [](Schedule& s) { s.ops[3].after = {99}; }},
      {"waits for itself", [](Schedule& s) { s.ops[3].after = {3}; }},
      {"receive_buffers", [](Schedule& s) { s.receive_buffers = -1; }},
      {"compute lane", [](Schedule& s) { s.devices[0].lanes.clear(); }},
      {"second compute lane", [](Schedule& s) { s.devices[0].lanes.push_back(Lane{}); }},
      {"no other device", [](Schedule& s) { s.devices[0].lanes[1].peer = 0; }},
      {"holds op 99", [](Schedule& s) { s.devices[0].lanes[0].ops.push_back(99); }},
      {"in no lane", [](Schedule& s) { s.devices[0].lanes[0].ops.clear(); }},
      {"more than one lane", [](Schedule& s) { s.devices[0].lanes[0].ops.push_back(0); }},
      {"in a lane of device 'b'",
       [](Schedule& s) {
         s.devices[0].lanes[0].ops.clear();
         s.devices[1].lanes[0].ops.push_back(0);
       }},
      {"transfer in a compute lane",
       [](Schedule& s) {
         s.devices[0].lanes[1].ops = {4};
         s.devices[0].lanes[0].ops.push_back(1);
       }},
      {"no partner in a transfer lane", [](Schedule& s) { s.ops[1].partner = -1; }},
      {"has peer", [](Schedule& s) { s.ops[1].peer = 0; }},
      {"does not belong in its lane", [](Schedule& s) { s.ops[1].key.kind = OpKind::recv; }},
      {"does not belong in its lane", [](Schedule& s) { s.ops[0].key.kind = OpKind::send; }},
      {"do not name each other", [](Schedule& s) { s.ops[1].partner = 5; }},
      {"carry different things", [](Schedule& s) { s.ops[1].key.micro_batch = 7; }},
      {"carry different things", [](Schedule& s) { s.ops[1].key.kind = OpKind::token_return; }},
      {"seconds or bytes", [](Schedule& s) { s.ops[1].bytes = 9; }},
      {"different orders", [](Schedule& s) { std::swap(s.devices[1].lanes[1].ops[0], s.devices[1].lanes[1].ops[1]); }},
      {"same key", [](Schedule& s) { s.ops[6].key.micro_batch = 0; }},
  };
  for (const Break& it : breaks) {
    Schedule broken = sound();
    it.apply(broken);
    const std::vector<std::string> found = faults(broken);
    ASSERT_FALSE(found.empty()) << it.said;
    EXPECT_THAT(found, testing::Contains(testing::HasSubstr(it.said)));
  }
}

TEST(Faults, GroupsMustNotHaveGaps) {
  Schedule schedule = sound();
  add_compute(schedule, 1, {.kind = OpKind::update, .stage = 1}, 1, {});
  schedule.ops[3].group = schedule.ops[6].group = 4;
  EXPECT_TRUE(faults(schedule).empty());
  std::swap(schedule.devices[1].lanes[0].ops[1], schedule.devices[1].lanes[0].ops[2]);
  EXPECT_THAT(faults(schedule), testing::ElementsAre(testing::HasSubstr("group 4")));
}

TEST(Faults, RandomSchedulesHaveNone) {
  Random random(11);
  for (int trial = 0; trial < 2000; ++trial) {
    Schedule schedule = tests::random_schedule(random);
    if (trial % 2 == 0) tests::add_groups(random, schedule);
    ASSERT_TRUE(faults(schedule).empty()) << faults(schedule).front();
  }
}

TEST(Faults, NumbersOutOfPlaceNeverCrashTheCheck) {
  Random random(12);
  const auto wild = [&] { return tests::uniform(random, -2, 40); };
  for (int trial = 0; trial < 3000; ++trial) {
    Schedule schedule = tests::random_schedule(random);
    Op& op = schedule.ops[static_cast<std::size_t>(wild() + 2) % schedule.ops.size()];
    auto& device = schedule.devices[static_cast<std::size_t>(wild() + 2) % schedule.devices.size()];
    Lane& lane = device.lanes[static_cast<std::size_t>(wild() + 2) % device.lanes.size()];
    switch (trial % 6) {
      case 0:
        op.device = wild();
        break;
      case 1:
        op.partner = wild();
        break;
      case 2:
        op.peer = wild();
        break;
      case 3:
        op.after.push_back(wild());
        break;
      case 4:
        lane.ops.push_back(wild());
        break;
      default:
        lane.peer = wild();
    }
    if (faults(schedule).empty()) can_complete(schedule);
  }
}

}  // namespace
}  // namespace ppplan::schedule
