#include "planner/schedule/schedule.h"

#include <gtest/gtest.h>

#include "planner/schedule/deadlock.h"

namespace ppplan::schedule {
namespace {

using traces::OpKind;

Schedule two_devices() {
  Schedule schedule;
  schedule.devices = {{"a", {0}, {Lane{}}}, {"b", {1}, {Lane{}}}};
  return schedule;
}

TEST(Schedule, TransferAppearsOnBothEndsAndNamesItself) {
  Schedule schedule = two_devices();
  const OpId forward = add_compute(schedule, 0, {.kind = OpKind::forward}, 1.0, {});
  const auto [send, recv] = add_transfer(schedule, 0, 1, {.kind = OpKind::send}, 0.5, 64, {forward});
  const Op sent = schedule.ops[static_cast<std::size_t>(send)], received = schedule.ops[static_cast<std::size_t>(recv)];
  EXPECT_EQ(sent.partner, recv);
  EXPECT_EQ(received.partner, send);
  EXPECT_EQ(sent.key.kind, OpKind::send);
  EXPECT_EQ(received.key.kind, OpKind::recv);
  EXPECT_EQ(sent.after, std::vector<OpId>{forward});
  EXPECT_TRUE(received.after.empty());
  EXPECT_EQ(schedule.devices[0].lanes[1], (Lane{LaneKind::send, 1, {send}}));
  EXPECT_EQ(schedule.devices[1].lanes[1], (Lane{LaneKind::recv, 0, {recv}}));
  EXPECT_TRUE(faults(schedule).empty());
}

TEST(Schedule, LanesOfOnePeerAndDirectionAreShared) {
  Schedule schedule = two_devices();
  for (int k = 0; k < 3; ++k) add_transfer(schedule, 0, 1, {.kind = OpKind::send, .micro_batch = k}, 0, 1, {});
  add_transfer(schedule, 1, 0, {.kind = OpKind::send, .stage = 1}, 0, 1, {});
  ASSERT_EQ(schedule.devices[0].lanes.size(), 3u);  // compute, to b, from b
  EXPECT_EQ(schedule.devices[0].lanes[1].ops.size(), 3u);
  EXPECT_TRUE(faults(schedule).empty());
}

TEST(Schedule, TokenReturnsHaveLanesOfTheirOwn) {
  Schedule schedule = two_devices();
  add_transfer(schedule, 1, 0, {.kind = OpKind::send, .stage = 1}, 0, 1, {});
  const TransferIds back = add_transfer(schedule, 1, 0, {.kind = OpKind::token_return, .stage = 1}, 0, 0, {});
  EXPECT_EQ(schedule.ops[static_cast<std::size_t>(back.recv)].key.kind, OpKind::token_return);
  ASSERT_EQ(schedule.devices[1].lanes.size(), 3u);
  EXPECT_EQ(schedule.devices[1].lanes[2], (Lane{LaneKind::send, 0, {back.send}}));
  EXPECT_TRUE(faults(schedule).empty());
}

TEST(Schedule, ComputeLaneComesFirstEvenWhenMadeLast) {
  Schedule schedule = two_devices();
  schedule.devices[0].lanes.clear();
  add_transfer(schedule, 0, 1, {.kind = OpKind::send}, 0, 1, {});
  add_compute(schedule, 0, {.kind = OpKind::forward}, 1, {});
  EXPECT_EQ(schedule.devices[0].lanes.front().kind, LaneKind::compute);
  EXPECT_TRUE(faults(schedule).empty());
}

}  // namespace
}  // namespace ppplan::schedule
