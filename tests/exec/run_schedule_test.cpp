// The interpreter alone, with backends that record or fail.
#include "exec/run_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <barrier>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "planner/input/input_error.h"
#include "tests/exec/schedules.h"

namespace ppplan::tests {
namespace {

using schedule::OpId;
using schedule::Schedule;

// Yields at random places, so that threads meet in many orders, and notes what it was asked.
class Recorder : public exec::Backend {
 public:
  explicit Recorder(unsigned seed) : seed_(seed) {}
  void enter_lane(int, const schedule::Lane&) override { ++lanes_; }
  void compute(OpId id, const schedule::Op&) override { wander(id); }
  void transfer(OpId send_id, const schedule::Op& send, const schedule::Op& recv, int slot) override {
    wander(send_id);
    const std::lock_guard lock(mutex_);
    slots_[{send.device, recv.device, send.key.kind == traces::OpKind::token_return}].push_back(slot);
  }
  int lanes() const { return lanes_; }
  using Edge = std::tuple<int, int, bool>;  // sender, receiver, of tokens
  const std::map<Edge, std::vector<int>>& slots() const { return slots_; }

 private:
  void wander(OpId id) const {
    std::mt19937 random(seed_ + static_cast<unsigned>(id));
    for (auto turns = random() % 4; turns > 0; --turns) std::this_thread::yield();
  }
  unsigned seed_;
  std::atomic<int> lanes_ = 0;
  std::mutex mutex_;
  std::map<Edge, std::vector<int>> slots_;
};

// A random acyclic schedule: computes and transfers appended in an order that could be executed one by one, each
// waiting for some earlier ops; lanes keep that order, so it completes.
Schedule random_schedule(unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&](int bound) { return static_cast<int>(random() % static_cast<unsigned>(bound)); };
  Schedule schedule;
  const int devices = 2 + below(3);
  for (int d = 0; d < devices; ++d)
    schedule.devices.push_back({"device " + std::to_string(d), {d}, {schedule::Lane{}}});
  schedule.receive_buffers = 0;
  for (int k = 0; k < 60; ++k) {
    std::vector<OpId> after;
    for (int i = below(3); i > 0 && !schedule.ops.empty(); --i) {
      const OpId candidate = below(static_cast<int>(schedule.ops.size()));
      if (std::find(after.begin(), after.end(), candidate) == after.end()) after.push_back(candidate);
    }
    traces::OpKey key;
    key.micro_batch = k;
    const int device = below(devices);
    if (below(2) == 0) {
      schedule::add_compute(schedule, device, key, 0, after);
    } else {
      key.kind = traces::OpKind::send;
      schedule::add_transfer(schedule, device, (device + 1 + below(devices - 1)) % devices, key, 0, 1, after);
    }
  }
  return schedule;
}

TEST(RunSchedule, FollowsForwardStreams) {
  for (const int buffers : {0, 1, 2, 3}) {
    for (const int stages : {1, 2, 5}) {
      const Schedule schedule = forward_schedule(stages, 9, buffers);
      Recorder backend(7);
      expect_follows(schedule, run_schedule(schedule, backend));
      EXPECT_EQ(backend.lanes(), 2 * stages - 1);  // a thread per stage and per edge
    }
  }
}

TEST(RunSchedule, FollowsDecodeRounds) {
  for (const int stages : {1, 2, 4}) {
    const Schedule schedule = decode_schedule(stages, 3, 5, 2);
    Recorder backend(8);
    expect_follows(schedule, run_schedule(schedule, backend));
  }
}

TEST(RunSchedule, FollowsRandomSchedules) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    const Schedule schedule = random_schedule(seed);
    Recorder backend(seed);
    expect_follows(schedule, run_schedule(schedule, backend));
  }
}

// Activities that take no time on far more threads than cores, nearly each of which waits for another thread. One that
// missed the end it waits for would wait for ever, since nothing else wakes it: this test would then not end.
TEST(RunSchedule, MissesNoEndOnManyMoreThreadsThanCores) {
  for (unsigned round = 0; round < 6; ++round) {
    const Schedule schedule = round % 2 == 0 ? forward_schedule(24, 20, 1 + static_cast<int>(round % 3))
                                             : decode_schedule(16, 8, 3, 1 + static_cast<int>(round % 3));
    Recorder backend(round);
    expect_follows(schedule, run_schedule(schedule, backend));
    if (HasFailure()) break;
  }
}

TEST(RunSchedule, NumbersReceiveBuffersInTurnPerEdge) {
  const Schedule bounded = forward_schedule(3, 5, 2);
  Recorder backend(1);
  run_schedule(bounded, backend);
  for (const auto& [edge, slots] : backend.slots()) EXPECT_THAT(slots, testing::ElementsAre(0, 1, 0, 1, 0));
  EXPECT_EQ(backend.slots().size(), 2U);
  Recorder unbounded(1);
  run_schedule(forward_schedule(2, 4, 0), unbounded);
  EXPECT_THAT(unbounded.slots().at({0, 1, false}), testing::ElementsAre(0, 1, 2, 3));
}

// Ends an op only when another one is under way, too.
class Meeting : public exec::Backend {
 public:
  void enter_lane(int, const schedule::Lane&) override {}
  void compute(OpId, const schedule::Op& op) override {
    if (op.group >= 0) meeting_.arrive_and_wait();
  }
  void transfer(OpId, const schedule::Op& send, const schedule::Op&, int) override {
    if (send.group >= 0) meeting_.arrive_and_wait();
  }

 private:
  std::barrier<> meeting_{2};
};

TEST(RunSchedule, OpsOfAGroupProgressTogether) {
  Schedule schedule = forward_schedule(2, 4, 0);
  // Transfers 1 and 2 of the only edge in one group, on both ends.
  for (schedule::Op& op : schedule.ops) {
    if (op.partner >= 0 && (op.key.micro_batch == 1 || op.key.micro_batch == 2)) op.group = 0;
  }
  Meeting backend;
  expect_follows(schedule, run_schedule(schedule, backend));
}

class Failing : public exec::Backend {
 public:
  explicit Failing(int failing_micro_batch) : failing_(failing_micro_batch) {}
  void enter_lane(int device, const schedule::Lane&) override {
    if (failing_ < 0 && device == 1) throw std::runtime_error("no such core");
  }
  void compute(OpId, const schedule::Op& op) override {
    if (op.key.micro_batch == failing_ && op.key.stage == 1) throw std::runtime_error("out of memory");
    ++computed_[static_cast<std::size_t>(op.key.stage)];
  }
  void transfer(OpId, const schedule::Op&, const schedule::Op&, int) override {}
  int computed(int stage) const { return computed_[static_cast<std::size_t>(stage)]; }

 private:
  int failing_;
  std::array<std::atomic<int>, 3> computed_{};  // [stage]
};

TEST(RunSchedule, RethrowsAfterEveryLaneHasStopped) {
  const Schedule schedule = forward_schedule(3, 50, 1);
  Failing backend(2);
  EXPECT_THROW(run_schedule(schedule, backend), std::runtime_error);
  // Stage 1 ends two ops and fails in the third. Nothing bounds how far stage 0 runs ahead.
  EXPECT_EQ(backend.computed(1), 2);
  EXPECT_LE(backend.computed(2), 2);
}

TEST(RunSchedule, RethrowsWhenALaneCannotBeEntered) {
  Failing backend(-1);
  EXPECT_THROW(run_schedule(forward_schedule(3, 4, 1), backend), std::runtime_error);
  for (int stage = 0; stage < 3; ++stage) EXPECT_EQ(backend.computed(stage), 0);
}

TEST(RunSchedule, RefusesSchedulesThatAreFaultyOrStuck) {
  Recorder backend(1);
  Schedule faulty = forward_schedule(2, 2, 1);
  faulty.ops[0].seconds = -1;
  EXPECT_THROW(run_schedule(faulty, backend), input::InputError);
  Schedule stuck = forward_schedule(1, 2, 1);
  stuck.ops[0].after = {1};  // waits for the op behind it in its lane
  EXPECT_THROW(run_schedule(stuck, backend), input::InputError);
  EXPECT_EQ(backend.lanes(), 0);
}

TEST(RunSchedule, ReportsDevicesAndBytes) {
  Schedule schedule = forward_schedule(2, 1, 1);
  for (schedule::Op& op : schedule.ops) {
    if (op.partner >= 0) op.bytes = 12;
  }
  Recorder backend(1);
  const traces::Timeline timeline = run_schedule(schedule, backend);
  EXPECT_THAT(timeline.devices, testing::ElementsAre("stage 0", "stage 1"));
  for (const traces::Span& span : timeline.spans) {
    EXPECT_EQ(span.bytes, span.key.kind == traces::OpKind::forward ? 0 : 12);
  }
}

}  // namespace
}  // namespace ppplan::tests
