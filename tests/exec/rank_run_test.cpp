// A schedule over ranks, on every transport: each op runs once, in order, and outputs are those of one device.
#include "exec/rank_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <mutex>
#include <thread>

#include "exec/groups/clock_offset.h"
#include "exec/groups/thread_world.h"
#include "exec/host_backend.h"
#include "exec/rank_graph.h"
#include "exec/rank_replay.h"
#include "planner/input/input_error.h"
#include "tests/exec/models.h"
#include "tests/exec/schedules.h"
#include "tests/exec/tcp_launch.h"

namespace ppplan::tests {
namespace {

using exec::groups::ParallelState;
using exec::groups::World;
using schedule::OpId;
using schedule::Schedule;

constexpr double patience_s = 60;

/// Messages are a micro-batch's number and the edge's, seeded delays let ranks meet in many orders.
class Checker : public exec::RankBackend {
 public:
  explicit Checker(unsigned seed) : seed_(seed) {}
  void enter_lane(int, const schedule::Lane&) override {}
  void compute(OpId id, const schedule::Op&) override { wander(id); }
  std::span<const std::byte> outgoing(OpId id, const schedule::Op& send) override {
    wander(id);
    out_ = send.key.micro_batch;
    return std::as_bytes(std::span(&out_, 1));
  }
  void sent(const schedule::Op&) override {}
  std::span<std::byte> incoming(const schedule::Op& recv, int) override {
    return std::as_writable_bytes(std::span(&in_[recv.peer], 1));
  }
  void received(const schedule::Op& recv, int) override {
    expect(in_[recv.peer] == recv.key.micro_batch, "a message of another micro-batch came");
  }

 private:
  void wander(OpId id) const {
    std::mt19937 random(seed_ + static_cast<unsigned>(id));
    for (auto turns = random() % 4; turns > 0; --turns) std::this_thread::yield();
  }
  unsigned seed_;
  int out_ = 0;
  std::map<int, int> in_{{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}};
};

/// Runs the schedule on a rank for each device; the timeline of rank 0 goes to `check` there.
Outcomes run(const Launch& launch, const Schedule& schedule,
             const std::function<std::unique_ptr<exec::RankBackend>(int rank)>& backend,
             const std::function<void(const traces::Timeline&)>& check) {
  return launch.run(static_cast<int>(schedule.devices.size()), patience_s, [&](World& world) {
    ParallelState ranks(world, exec::rank_layout(schedule));
    ranks.warm_up();
    const auto own = backend(world.rank());
    const traces::Timeline timeline = exec::run_rank(schedule, ranks, *own);
    if (world.rank() == 0) check(timeline);
    ranks.tear_down();
  });
}

TEST(RankRun, FollowsTheScheduleOnThreadsAndSockets) {
  unsigned seed = 0;
  for (const Launch& launch : {thread_launch(), tcp_thread_launch()})
    for (const int buffers : {0, 1, 2})
      for (const Schedule& schedule : {forward_schedule(1, 3, buffers), forward_schedule(3, 5, buffers),
                                       decode_schedule(2, 2, 3, buffers), decode_schedule(3, 4, 3, buffers)}) {
        ++seed;
        const Outcomes outcomes = run(
            launch, schedule, [&](int) { return std::make_unique<Checker>(seed); },
            [&](const traces::Timeline& timeline) { expect_follows(schedule, timeline); });
        EXPECT_EQ(outcomes, Outcomes(schedule.devices.size())) << launch.name << " seed " << seed;
      }
}

TEST(RankRun, ReplayTakesAtLeastTheCriticalPath) {
  // Two stages of 4 ms, messages of 2 ms, 3 micro-batches: the last ends after 3 x 4 on the first stage, its message
  // and 4 on the second, 12 + 2 + 4 = 18 ms.
  const Schedule schedule = forward_schedule(2, 3, 2, 4e-3, 2e-3);
  std::vector<double> durations;
  for (const auto& op : schedule.ops) durations.push_back(op.seconds);
  const auto replay = [&](int rank) {
    return std::make_unique<exec::RankReplay>(schedule, rank, durations, 1.0, false);
  };
  EXPECT_EQ(run(tcp_thread_launch(), schedule, replay,
                [&](const traces::Timeline& timeline) {
                  EXPECT_GE(traces::makespan_s(timeline), 18e-3);
                  expect_follows(schedule, timeline);
                }),
            Outcomes(2));
}

TEST(RankRun, AFailureOfOneRanksBackendEndsAllWithIt) {
  class Failing : public Checker {
   public:
    using Checker::Checker;
    void compute(OpId id, const schedule::Op& op) override {
      if (op.device == 1 && op.key.micro_batch == 2) throw std::runtime_error("the card fell out");
      Checker::compute(id, op);
    }
  };
  for (const Launch& launch : {thread_launch(), tcp_thread_launch()}) {
    const Outcomes outcomes = run(
        launch, forward_schedule(3, 5, 2), [](int) { return std::make_unique<Failing>(1); },
        [](const traces::Timeline&) {});
    EXPECT_EQ(outcomes[1], "fault: the card fell out") << launch.name;
    EXPECT_EQ(outcomes[0], "GroupError: the card fell out") << launch.name;
    EXPECT_EQ(outcomes[2], "GroupError: the card fell out") << launch.name;
  }
}

TEST(RankGraph, RefusesWhatRanksCantKeep) {
  Schedule across = forward_schedule(2, 1, 2);
  // The second stage's compute waits for the first's by name, not by a message.
  const auto compute_of = [&](int device) {
    return across.devices[static_cast<std::size_t>(device)].lanes.front().ops.front();
  };
  across.ops[static_cast<std::size_t>(compute_of(1))].after.push_back(compute_of(0));
  EXPECT_THROW(exec::rank_graph(across, 1), input::InputError);
  Schedule grouped = forward_schedule(2, 2, 2);
  for (auto& op : grouped.ops)
    if (schedule::is_transfer(op)) op.group = 0;
  EXPECT_THROW(exec::rank_graph(grouped, 0), input::InputError);
}

TEST(RankRun, HostStagesOnRanksGiveOneDevicesOutputs) {
  for (const bool decode : {false, true}) {
    exec::HostRun whole;
    whole.model = dense_model(5, 2, 32, 48, 64);
    for (const auto& [first, end] : {std::pair{0, 2}, {2, 3}, {3, 5}}) {
      spec::Stage stage;
      stage.first_layer = first;
      stage.end_layer = end;
      stage.embedding = first == 0;
      stage.head = end == 5;
      whole.stages.push_back(stage);
    }
    whole.micro_batches = decode ? exec::decode_micro_batches({2, 1, 3, true}, 3, 3)
                                 : exec::prefill_micro_batches({{2, 4, 0, false}, {2, 3, 4, true}}, 6);
    whole.receive_buffers = 2;
    const Schedule schedule = decode ? decode_schedule(3, 3, 3, 2) : forward_schedule(3, 6, 2);
    const auto expected = exec::one_device_outputs(whole);
    const Outcomes outcomes = tcp_thread_launch().run(3, patience_s, [&](World& world) {
      ParallelState ranks(world, exec::rank_layout(schedule));
      exec::HostRun own = whole;
      own.only_stage = world.rank();
      exec::HostBackend backend(own);
      for (int repeat = 0; repeat < 2; ++repeat) {
        backend.reset();
        exec::run_rank(schedule, ranks, backend);
        if (world.rank() == 2) expect(backend.outputs() == expected, "outputs differ from one device's");
      }
      ranks.tear_down();
    });
    EXPECT_EQ(outcomes, Outcomes(3));
  }
}

TEST(ClockOffset, RanksOfOneKernelShareIt) {
  const Outcomes outcomes = tcp_process_launch().run(3, patience_s, [](World& world) {
    const auto group = world.group("all", {0, 1, 2});
    expect(exec::groups::ahead_of_own(*group).count() == 0, "a rank of this host has another clock");
    const auto start = exec::groups::agreed_start(*group, std::chrono::nanoseconds(0)).time_since_epoch().count();
    std::vector<std::int64_t> all(3);
    const std::int64_t own = start;
    group->all_gather(std::as_bytes(std::span(&own, 1)), std::as_writable_bytes(std::span(all)));
    expect(all[0] == all[1] && all[0] == all[2], "ranks start at different times");
    expect(std::chrono::steady_clock::now().time_since_epoch().count() >= start, "a rank starts early");
  });
  EXPECT_EQ(outcomes, Outcomes(3));
}

}  // namespace
}  // namespace ppplan::tests
