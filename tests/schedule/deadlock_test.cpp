#include "planner/schedule/deadlock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/schedule/random_schedules.h"

namespace ppplan::schedule {
namespace {

using tests::Random;
using traces::OpKind;

Schedule devices(int count, int receive_buffers = 0) {
  Schedule schedule;
  schedule.receive_buffers = receive_buffers;
  for (int k = 0; k < count; ++k) schedule.devices.push_back({"rank " + std::to_string(k), {k}, {Lane{}}});
  return schedule;
}

/// One communicator without grouping: the ops of a rank run in this order whatever their lanes.
void in_order(Schedule& schedule, const std::vector<OpId>& ops) {
  for (std::size_t k = 1; k < ops.size(); ++k)
    schedule.ops[static_cast<std::size_t>(ops[k])].after.push_back(ops[k - 1]);
}

/// The transfers of stages on two ranks: stages 0 and 2 on rank 0, 1 and 3 on rank 1 (interleaved). `a` names the
/// sender's stage and direction as in PyTorch's SEND_F and SEND_B.
TransferIds forward_of(Schedule& schedule, int stage, int micro_batch) {
  const traces::OpKey key{.kind = OpKind::send, .stage = stage, .micro_batch = micro_batch};
  return add_transfer(schedule, stage % 2, (stage + 1) % 2, key, 1, 1, {});
}
TransferIds backward_of(Schedule& schedule, int stage, int micro_batch) {
  const traces::OpKey key{.kind = OpKind::send, .stage = stage, .chunk = 1, .micro_batch = micro_batch};
  return add_transfer(schedule, stage % 2, (stage + 1) % 2, key, 1, 1, {});
}

/// pytorch issue 172668: rank 0 runs 2SEND_F1, 0F2, 0SEND_F2, 2RECV_B0 and rank 1 runs 3RECV_F1, 3SEND_B0, ...,
/// 1RECV_F2.
struct Issue172668 {
  Schedule schedule = devices(2);
  TransferIds two_f1 = forward_of(schedule, 2, 1);
  TransferIds zero_f2 = forward_of(schedule, 0, 2);
  TransferIds three_b0 = backward_of(schedule, 3, 0);
};

TEST(Deadlock, OneCommunicatorInOrderBlocksAsInPyTorchsTrace) {
  Issue172668 trace;
  in_order(trace.schedule, {trace.two_f1.send, trace.zero_f2.send, trace.three_b0.recv});
  in_order(trace.schedule, {trace.two_f1.recv, trace.three_b0.send, trace.zero_f2.recv});
  ASSERT_TRUE(faults(trace.schedule).empty());
  const Progress progress = can_complete(trace.schedule);
  EXPECT_FALSE(progress.completes);
  // Rank 0 waits in 0SEND_F2 and cannot post 2RECV_B0; rank 1 waits in 3SEND_B0 and cannot post 1RECV_F2.
  EXPECT_THAT(progress.stuck, testing::UnorderedElementsAre(trace.zero_f2.send, trace.zero_f2.recv, trace.three_b0.send,
                                                            trace.three_b0.recv));
  EXPECT_THAT(progress.reason, testing::HasSubstr("on 'rank 0'"));
}

TEST(Deadlock, SwappingOnlyTheSendsOrderAcrossRanksDoesNotHelpThatTrace) {
  // The same trace when rank 0 puts 2RECV_B0 first: then it waits for 3SEND_B0, which rank 1 reaches only after
  // 3RECV_F1.
  Issue172668 trace;
  in_order(trace.schedule, {trace.three_b0.recv, trace.two_f1.send, trace.zero_f2.send});
  in_order(trace.schedule, {trace.two_f1.recv, trace.three_b0.send, trace.zero_f2.recv});
  EXPECT_FALSE(can_complete(trace.schedule).completes);
}

TEST(Deadlock, LanesPerDirectionLetThatTraceThrough) { EXPECT_TRUE(can_complete(Issue172668().schedule).completes); }

TEST(Deadlock, NeighboursThatBothSendFirstBlock) {
  Schedule schedule = devices(2);
  const TransferIds right = forward_of(schedule, 0, 0);
  const TransferIds left = backward_of(schedule, 1, 0);
  in_order(schedule, {right.send, left.recv});
  in_order(schedule, {left.send, right.recv});
  const Progress progress = can_complete(schedule);
  EXPECT_FALSE(progress.completes);
  EXPECT_EQ(progress.stuck.size(), 4u);
}

TEST(Deadlock, NeighboursOfWhichOneReceivesFirstPass) {
  Schedule schedule = devices(2);
  const TransferIds right = forward_of(schedule, 0, 0);
  const TransferIds left = backward_of(schedule, 1, 0);
  in_order(schedule, {right.send, left.recv});
  in_order(schedule, {right.recv, left.send});
  EXPECT_TRUE(can_complete(schedule).completes);
}

TEST(Deadlock, ReceivesCrossedAgainstTheSendsOfTwoPeersBlock) {
  // Rank 2 takes from rank 1 before rank 0; rank 1 sends only after it has what rank 0 sends after its send to rank 2.
  Schedule schedule = devices(3);
  const TransferIds a = add_transfer(schedule, 0, 2, {.kind = OpKind::send}, 1, 1, {});
  const TransferIds b = add_transfer(schedule, 0, 1, {.kind = OpKind::send, .micro_batch = 1}, 1, 1, {});
  const TransferIds c = add_transfer(schedule, 1, 2, {.kind = OpKind::send, .stage = 1}, 1, 1, {b.recv});
  in_order(schedule, {a.send, b.send});
  in_order(schedule, {c.recv, a.recv});
  const Progress progress = can_complete(schedule);
  EXPECT_FALSE(progress.completes);
  EXPECT_THAT(progress.stuck, testing::IsSupersetOf({a.send, a.recv, b.send, b.recv, c.send, c.recv}));
}

/// Rank 1 computes with the second activation before the first: both must be there at once.
Schedule second_first(int receive_buffers) {
  Schedule schedule = devices(2, receive_buffers);
  const TransferIds first = forward_of(schedule, 0, 0), second = forward_of(schedule, 0, 1);
  add_compute(schedule, 1, {.stage = 1, .micro_batch = 1}, 1, {second.recv});
  add_compute(schedule, 1, {.stage = 1, .micro_batch = 0}, 1, {first.recv});
  return schedule;
}

TEST(Deadlock, AScheduleThatNeedsTwoBuffersBlocksWithOne) {
  EXPECT_TRUE(can_complete(second_first(0)).completes);
  EXPECT_TRUE(can_complete(second_first(2)).completes);
  const Progress progress = can_complete(second_first(1));
  EXPECT_FALSE(progress.completes);
  EXPECT_THAT(progress.reason, testing::HasSubstr("micro-batch 1"));
}

TEST(Deadlock, GroupedOpsPassWhereTheirOrderWouldBlock) {
  // Rank 0 computes B after A in its lane, but A waits for B's result.
  Schedule schedule = devices(1);
  const OpId a = add_compute(schedule, 0, {.micro_batch = 0}, 1, {});
  const OpId b = add_compute(schedule, 0, {.micro_batch = 1}, 1, {});
  schedule.ops[static_cast<std::size_t>(a)].after = {b};
  EXPECT_FALSE(can_complete(schedule).completes);
  EXPECT_EQ(can_complete(schedule).stuck, std::vector<OpId>{a});
  schedule.ops[static_cast<std::size_t>(a)].group = schedule.ops[static_cast<std::size_t>(b)].group = 0;
  EXPECT_TRUE(can_complete(schedule).completes);
}

TEST(Deadlock, WithoutBuffersToWaitForEverythingInAGlobalOrderCompletes) {
  Random random(21);
  for (int trial = 0; trial < 2000; ++trial) {
    Schedule schedule = tests::random_schedule(random);
    schedule.receive_buffers = 0;
    if (trial % 2 == 0) tests::add_groups(random, schedule);
    ASSERT_TRUE(can_complete(schedule).completes) << can_complete(schedule).reason;
  }
}

TEST(Deadlock, MoreBuffersNeverBlockWhatFewerLetThrough) {
  Random random(22);
  int blocked = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    Schedule schedule = tests::random_schedule(random);
    schedule.receive_buffers = 1;
    const bool one = can_complete(schedule).completes;
    schedule.receive_buffers = 2;
    const bool two = can_complete(schedule).completes;
    ASSERT_LE(one, two);
    blocked += !one;
  }
  EXPECT_GT(blocked, 50);  // or the trials say nothing
}

TEST(Deadlock, AnEmptyScheduleCompletes) {
  EXPECT_TRUE(can_complete({}).completes);
  EXPECT_TRUE(can_complete(devices(3)).completes);
}

}  // namespace
}  // namespace ppplan::schedule
