#include "planner/schedule/longest_path.h"

#include <gtest/gtest.h>

#include "planner/input/input_error.h"
#include "planner/schedule/pipeline.h"
#include "tests/schedule/random_schedules.h"

namespace ppplan::schedule {
namespace {

using tests::Random;
using traces::OpKind;

const traces::Span& span_of(const traces::Timeline& timeline, int device, const traces::OpKey& key) {
  for (const traces::Span& span : timeline.spans)
    if (span.device == device && span.key == key) return span;
  throw std::out_of_range("no such span");
}

Schedule devices(int count) {
  Schedule schedule;
  schedule.receive_buffers = 0;
  for (int k = 0; k < count; ++k)
    schedule.devices.push_back({std::string(1, static_cast<char>('a' + k)), {k}, {Lane{}}});
  return schedule;
}

TEST(LongestPath, TransferWaitsForBothEnds) {
  // The sender is ready at 1 s, the receiver lists a compute that ends at 3 s: the transfer runs [3, 3.5) on both.
  Schedule schedule = devices(2);
  const OpId sender = add_compute(schedule, 0, {.stage = 0}, 1, {});
  const OpId receiver = add_compute(schedule, 1, {.stage = 1}, 3, {});
  const TransferIds ids = add_transfer(schedule, 0, 1, {.kind = OpKind::send}, 0.5, 8, {sender});
  schedule.ops[static_cast<std::size_t>(ids.recv)].after = {receiver};
  const traces::Timeline timeline = longest_path(schedule, own_seconds(schedule));
  for (const auto& [device, kind] : {std::pair{0, OpKind::send}, {1, OpKind::recv}}) {
    const traces::Span& span = span_of(timeline, device, {.kind = kind});
    EXPECT_EQ(span.start_s, 3);
    EXPECT_EQ(span.end_s, 3.5);
    EXPECT_EQ(span.bytes, 8);
  }
}

TEST(LongestPath, GroupedOpsRunTogetherAndTheLaneGoesOnAfterTheLast) {
  // 1 s alone, then 2 s and 5 s as a group, then 1 s: [0,1) [1,3) [1,6) [6,7).
  Schedule schedule = devices(1);
  const double seconds[] = {1, 2, 5, 1};
  for (int k = 0; k < 4; ++k) add_compute(schedule, 0, {.micro_batch = k}, seconds[k], {});
  schedule.ops[1].group = schedule.ops[2].group = 3;
  const traces::Timeline timeline = longest_path(schedule, own_seconds(schedule));
  EXPECT_EQ(span_of(timeline, 0, {.micro_batch = 1}).end_s, 3);
  EXPECT_EQ(span_of(timeline, 0, {.micro_batch = 2}).start_s, 1);
  EXPECT_EQ(span_of(timeline, 0, {.micro_batch = 3}).start_s, 6);
  EXPECT_EQ(traces::makespan_s(timeline), 7);
}

TEST(LongestPath, BuffersAreFreedByTheLastConsumer) {
  // One buffer; the first activation is used by a compute of 1 s and one of 4 s on rank 1, so the second transfer
  // starts at 1 + 1 + 4 = 6 s.
  Schedule schedule = devices(2);
  schedule.receive_buffers = 1;
  const TransferIds first = add_transfer(schedule, 0, 1, {.kind = OpKind::send}, 1, 8, {});
  add_transfer(schedule, 0, 1, {.kind = OpKind::send, .micro_batch = 1}, 1, 8, {});
  add_compute(schedule, 1, {.stage = 1}, 1, {first.recv});
  add_compute(schedule, 1, {.kind = OpKind::backward, .stage = 1}, 4, {first.recv});
  const traces::Timeline timeline = longest_path(schedule, own_seconds(schedule));
  EXPECT_EQ(span_of(timeline, 0, {.kind = OpKind::send, .micro_batch = 1}).start_s, 6);
}

TEST(LongestPath, UsesTheDurationsGivenNotItsOwn) {
  Schedule schedule = devices(1);
  add_compute(schedule, 0, {}, 1, {});
  EXPECT_EQ(traces::makespan_s(longest_path(schedule, std::vector<double>{7})), 7);
}

TEST(LongestPath, RejectsWhatCannotCompleteAndDurationsThatDoNotFit) {
  Schedule schedule = devices(1);
  add_compute(schedule, 0, {.micro_batch = 0}, 1, {});
  add_compute(schedule, 0, {.micro_batch = 1}, 1, {});
  EXPECT_THROW(longest_path(schedule, std::vector<double>{1}), input::InputError);
  schedule.ops[0].after = {1};
  EXPECT_THROW(longest_path(schedule, own_seconds(schedule)), input::InputError);
}

TEST(LongestPath, LongerDurationsNeverEndAnythingEarlier) {
  Random random(31);
  for (int trial = 0; trial < 500; ++trial) {
    Schedule schedule = tests::random_schedule(random);
    schedule.receive_buffers = 0;
    std::vector<double> durations = own_seconds(schedule);
    const traces::Timeline before = longest_path(schedule, durations);
    const auto longer = static_cast<std::size_t>(tests::uniform(random, 0, static_cast<int>(durations.size()) - 1));
    durations[longer] += 1e-3;
    if (schedule.ops[longer].partner >= 0) durations[static_cast<std::size_t>(schedule.ops[longer].partner)] += 1e-3;
    const traces::Timeline after = longest_path(schedule, durations);
    for (const traces::Span& span : before.spans) ASSERT_LE(span.end_s, span_of(after, span.device, span.key).end_s);
  }
}

TEST(LongestPath, HundredsOfThousandsOfOpsWithLongListsAreWithinReach) {
  // An update that waits for all of 100,000 computes, and 100,000 transfers into one consumer: linear work, or this
  // hangs.
  Schedule schedule = devices(2);
  schedule.receive_buffers = 0;
  std::vector<OpId> all;
  for (int k = 0; k < 100'000; ++k) {
    all.push_back(add_compute(schedule, 0, {.micro_batch = k}, 1, {}));
    all.push_back(add_transfer(schedule, 0, 1, {.kind = OpKind::send, .micro_batch = k}, 0, 0, {}).recv);
  }
  add_compute(schedule, 1, {.kind = OpKind::update, .stage = 1}, 1, all);
  EXPECT_EQ(traces::makespan_s(longest_path(schedule, own_seconds(schedule))), 100'001);
}

}  // namespace
}  // namespace ppplan::schedule
