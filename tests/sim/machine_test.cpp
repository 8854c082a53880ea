// The behaviours of SimGrid that the model rests on: another version must not change them unseen.
#include "sim/machine.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "sim/workers.h"

namespace ppplan::sim {
namespace {

/// Runs in a process of its own, since SimGrid holds one platform a process. `play` gets the machine and the place for
/// the times it wants to report.
std::vector<double> on_machine(const MachineSpec& spec, std::size_t count,
                               const std::function<void(Machine&, std::vector<double>&)>& play) {
  const auto job = [&](std::size_t) {
    auto* machine = new Machine(spec);  // the process ends by _exit
    std::vector<double> times_s(count, -1);
    play(*machine, times_s);
    return std::string(reinterpret_cast<const char*>(times_s.data()), count * sizeof(double));
  };
  const std::string bytes = run_in_workers({"machine"}, 1, job)[0];
  std::vector<double> times_s(count);
  std::memcpy(times_s.data(), bytes.data(), bytes.size());
  return times_s;
}

struct Start {
  int route;  // -1: a delay
  double amount;
};

/// When each ends if all start at 0.
std::vector<double> ends_s(const MachineSpec& spec, const std::vector<Start>& starts) {
  return on_machine(spec, starts.size(), [&](Machine& machine, std::vector<double>& ends) {
    machine.on_end([&](Machine::Task task) { ends[task] = machine.now_s(); });
    for (std::size_t k = 0; k < starts.size(); ++k) {
      if (starts[k].route < 0)
        machine.start_delay(starts[k].amount, k);
      else
        machine.start_flow(starts[k].route, starts[k].amount, k);
    }
    machine.run();
  });
}

const MachineSpec one_gigabyte_link{{1e9}, {{0}}};

TEST(Machine, AGigabyteOverAGigabytePerSecondTakesASecond) {
  // SimGrid's default model says 1.08 s. Alone, and as two that share it.
  EXPECT_NEAR(ends_s(one_gigabyte_link, {{0, 1e9}})[0], 1.0, 1e-9);
  for (const double end_s : ends_s(one_gigabyte_link, {{0, 0.5e9}, {0, 0.5e9}})) EXPECT_NEAR(end_s, 1.0, 1e-9);
}

TEST(Machine, NoWindowCapsAFlow) {
  // 90 GB at 900 GB/s; with a TCP window of 4 MiB it would be capped however fast the link.
  EXPECT_NEAR(ends_s({{900e9}, {{0}}}, {{0, 90e9}})[0], 0.1, 1e-9);
  for (const double end_s : ends_s({{900e9}, {{0}}}, {{0, 45e9}, {0, 45e9}})) EXPECT_NEAR(end_s, 0.1, 1e-9);
}

TEST(Machine, FlowsShareALinkFairlyWhateverDelayCameBefore) {
  // Two flows of 50 MB over a shared link of 1 GB/s, one also crossing a second link, after delays of 10 and 40 us.
  // Fair sharing: the first has the link alone for 30 us (30 kB), then both have half; it ends when it has sent 50 MB:
  // 40 us + 2 * (50 MB - 30 kB) / 1 GB/s, the other at 40 us + 100 MB / 1 GB/s - 30 us.
  const std::vector<double> ends =
      on_machine({{1e9, 5e9}, {{0}, {0, 1}}}, 2, [](Machine& machine, std::vector<double>& times_s) {
        machine.on_end([&](Machine::Task task) {
          if (task < 2)
            machine.start_flow(static_cast<int>(task), 50e6, task + 2);
          else
            times_s[task - 2] = machine.now_s();
        });
        machine.start_delay(10e-6, 0);
        machine.start_delay(40e-6, 1);
        machine.run();
      });
  EXPECT_NEAR(ends[0], 40e-6 + 2 * (50e6 - 30e3) / 1e9, 1e-9);
  EXPECT_NEAR(ends[1], 10e-6 + 100e6 / 1e9, 1e-9);
}

TEST(Machine, SharesAreMaxMinFair) {
  // Link A 1 GB/s carries flows 0 and 1, link B 3 GB/s flows 1 and 2: A gives 0.5 GB/s to 0 and 1, B leaves 2.5 to
  // flow 2. Flow 2 of 2.5 GB ends at 1 s, the others of 0.5 GB too.
  const std::vector<double> ends = ends_s({{1e9, 3e9}, {{0}, {0, 1}, {1}}}, {{0, 0.5e9}, {1, 0.5e9}, {2, 2.5e9}});
  for (const double end_s : ends) EXPECT_NEAR(end_s, 1.0, 1e-9);
}

TEST(Machine, DelaysDoNotSlowOneAnotherDown) {
  std::vector<Start> starts(500, {-1, 0.25});
  starts.push_back({-1, 1e-6});
  const std::vector<double> ends = ends_s({{}, {}}, starts);
  for (std::size_t k = 0; k < 500; ++k) ASSERT_NEAR(ends[k], 0.25, 1e-12);
  EXPECT_NEAR(ends[500], 1e-6, 1e-15);
}

TEST(Machine, AFlowThatLosesItsLinksGoesOnWithWhatIsLeft) {
  // Two links of 1 GB/s, flow 0 of 1 GB over both. At 0.2 s a flow of 0.1 GB wants the first link and at 0.6 s one of
  // 0.1 GB the second. Flow 0: 0.2 GB by 0.2 s, half speed for 0.2 s (0.3 GB), alone to 0.6 s (0.5 GB), half speed for
  // 0.2 s (0.6 GB), alone to 1.2 s.
  const std::vector<double> ends =
      on_machine({{1e9, 1e9}, {{0, 1}, {0}, {1}}}, 5, [](Machine& machine, std::vector<double>& times_s) {
        machine.on_end([&](Machine::Task task) {
          times_s[task] = machine.now_s();
          if (task >= 3) machine.start_flow(static_cast<int>(task) - 2, 0.1e9, task - 2);
        });
        machine.start_flow(0, 1e9, 0);
        machine.start_delay(0.2, 3);
        machine.start_delay(0.6, 4);
        machine.run();
      });
  EXPECT_NEAR(ends[1], 0.4, 1e-9);
  EXPECT_NEAR(ends[2], 0.8, 1e-9);
  EXPECT_NEAR(ends[0], 1.2, 1e-9);
}

TEST(Machine, ALinkThatARouteCrossesTwiceCarriesItTwice) {
  // 1 GB/s, a bus that both ends hang on: 0.5 GB/s for one flow, 0.25 GB/s each for two.
  const MachineSpec bus{{1e9}, {{0, 0}}};
  EXPECT_NEAR(ends_s(bus, {{0, 1e9}})[0], 2.0, 1e-9);
  for (const double end_s : ends_s(bus, {{0, 1e9}, {0, 1e9}})) EXPECT_NEAR(end_s, 4.0, 1e-9);
}

/// When flows over one link of `rate` end, each of n that are on it at a time moving at rate / n.
std::vector<double> shared_ends_s(const std::vector<double>& start_s, std::vector<double> left, double rate) {
  std::vector<double> ends(left.size(), -1);
  for (double now_s = 0;;) {
    double next_s = std::numeric_limits<double>::infinity();
    double users = 0;
    for (std::size_t k = 0; k < left.size(); ++k) users += start_s[k] <= now_s && ends[k] < 0 ? 1 : 0;
    for (std::size_t k = 0; k < left.size(); ++k) {
      if (start_s[k] > now_s) next_s = std::min(next_s, start_s[k]);
      if (start_s[k] <= now_s && ends[k] < 0) next_s = std::min(next_s, now_s + left[k] * users / rate);
    }
    if (std::isinf(next_s)) return ends;
    for (std::size_t k = 0; k < left.size(); ++k) {
      if (start_s[k] > now_s || ends[k] >= 0) continue;
      left[k] -= (next_s - now_s) * rate / users;
      if (left[k] < 1e-3) ends[k] = next_s;
    }
    now_s = next_s;
  }
}

TEST(Machine, FlowsOnOneLinkShareItWhoeverCameFirst) {
  std::mt19937 random(7);
  for (int round = 0; round < 30; ++round) {
    const int count = 1 + static_cast<int>(random() % 12);
    std::vector<double> start_s, bytes;
    for (int k = 0; k < count; ++k) {
      start_s.push_back(static_cast<double>(1 + random() % 20) * 0.1);
      bytes.push_back(static_cast<double>(1 + random() % 9) * 1e8);
    }
    const std::vector<double> ends =
        on_machine(one_gigabyte_link, 2 * start_s.size(), [&](Machine& machine, std::vector<double>& times_s) {
          machine.on_end([&](Machine::Task task) {
            times_s[task] = machine.now_s();
            if (task < start_s.size()) machine.start_flow(0, bytes[task], task + start_s.size());
          });
          for (std::size_t k = 0; k < start_s.size(); ++k) machine.start_delay(start_s[k], k);
          machine.run();
        });
    const std::vector<double> expected = shared_ends_s(start_s, bytes, 1e9);
    for (std::size_t k = 0; k < expected.size(); ++k) ASSERT_NEAR(ends[k + expected.size()], expected[k], 1e-9);
  }
}

TEST(Machine, FractionsOfBytesCount) {
  // A third of 1000 bytes at 1 kB/s: 333.33 ms, to the 2^-11 bytes that sizes are rounded to.
  EXPECT_NEAR(ends_s({{1e3}, {{0}}}, {{0, 1000.0 / 3}})[0], 1.0 / 3, 1e-6);
}

TEST(Machine, AsManyRoutesAsAskedForKeepToTheirOwnLinks) {
  MachineSpec spec;
  std::vector<Start> starts;
  for (int k = 0; k < 300; ++k) {
    spec.link_bytes_per_s.push_back(1e6 * (k + 1));
    spec.routes.push_back({k});
    starts.push_back({k, 1e6});
  }
  const std::vector<double> ends = ends_s(spec, starts);
  for (int k = 0; k < 300; ++k) ASSERT_NEAR(ends[static_cast<std::size_t>(k)], 1.0 / (k + 1), 1e-9);
}

TEST(Machine, RunsOneAfterAnotherWithTheClockGoingOn) {
  const std::vector<double> ends = on_machine(one_gigabyte_link, 2, [](Machine& machine, std::vector<double>& times_s) {
    for (double& time_s : times_s) {
      machine.on_end([&](Machine::Task) { time_s = machine.now_s(); });
      machine.start_flow(0, 1e9, 0);
      machine.run();
    }
  });
  EXPECT_NEAR(ends[0], 1.0, 1e-9);
  EXPECT_NEAR(ends[1], 2.0, 1e-9);
}

TEST(Machine, CallbacksThatStartManyAtOnceKeepTheEngineWhole) {
  // Chains of 2,000 activities that all end at the same times: what ended is freed while others end.
  const std::vector<double> ends = on_machine(one_gigabyte_link, 1, [](Machine& machine, std::vector<double>& times_s) {
    std::vector<int> left(50, 2000);
    machine.on_end([&](Machine::Task chain) {
      times_s[0] = machine.now_s();
      if (--left[chain] > 0) machine.start_delay(1e-3, chain);
    });
    for (std::size_t chain = 0; chain < left.size(); ++chain) machine.start_delay(1e-3, chain);
    machine.run();
  });
  EXPECT_NEAR(ends[0], 2.0, 1e-9);
}

}  // namespace
}  // namespace ppplan::sim
