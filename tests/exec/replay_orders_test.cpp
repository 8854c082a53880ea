// Sixty random training steps of every kind of order, simulated with SimGrid and replayed by the host executor: the
// makespans are compared, whatever the machine, since both are in the step's own unit of time.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "exec/replay_backend.h"
#include "planner/schedule/longest_path.h"
#include "planner/schedule/training_schedule.h"
#include "sim/simulate.h"
#include "tests/schedule/random_orders.h"

namespace ppplan::tests {
namespace {

constexpr int count = 60;
constexpr int most_ranks = 8;
constexpr double median_op_s = 10e-3;  // a thread's wake-up is a small part of it
constexpr double longest_step_s = 2;

std::vector<RandomOrder> random_steps() {
  const std::vector<std::string> kinds = order_kinds();
  std::vector<RandomOrder> steps;
  for (unsigned seed = 0; steps.size() < count; ++seed) {
    TrainingRandom random(seed);
    const StepSizes sizes{draw(random, 1, most_ranks), draw(random, 1, 8), draw(random, 1, 4)};
    steps.push_back(random_order(random, kinds[seed % kinds.size()], sizes));
  }
  return steps;
}

struct Case {
  std::string kind;
  schedule::Schedule schedule;
  double simulated_s = 0;
  double replayed_s = 0;
  double error() const { return replayed_s / simulated_s - 1; }
};

std::vector<Case> simulated_cases() {
  std::vector<schedule::Schedule> schedules;
  std::vector<Case> cases;
  for (const RandomOrder& step : random_steps()) {
    schedules.push_back(training_schedule(step.order, step.costs, static_cast<int>(schedules.size() % 2) * 2));
    cases.push_back({step.kind, schedules.back()});
  }
  spec::ClusterSpec cluster;  // transfers state no bytes, so nothing connects the devices
  cluster.devices.resize(most_ranks);
  const auto timelines = sim::simulate(schedules, cluster);
  for (std::size_t k = 0; k < cases.size(); ++k) cases[k].simulated_s = makespan_s(timelines[k]);
  return cases;
}

void replay(Case& one) {
  const std::vector<double> durations = own_seconds(one.schedule);
  const double scale = std::min(exec::relative_scale(durations, median_op_s), longest_step_s / one.simulated_s);
  exec::ReplayBackend backend(durations, scale);
  one.replayed_s = makespan_s(run_schedule(one.schedule, backend)) / scale;
}

TEST(ReplayedOrders, TakeAsLongAsSimulated) {
  std::vector<Case> cases = simulated_cases();
  for (Case& one : cases) replay(one);
  std::ranges::sort(cases, {}, &Case::error);
  const auto at = [&](double share) { return 100 * cases[static_cast<std::size_t>(share * (count - 1))].error(); };
  std::cout << "replayed over simulated makespan of " << count << " steps: least " << at(0) << " %, tenth " << at(0.1)
            << " %, median " << at(0.5) << " %, nine tenths " << at(0.9) << " %, most " << at(1) << " % ("
            << cases.back().kind << ")\n";
  RecordProperty("median_percent", std::to_string(at(0.5)));
  EXPECT_GE(cases.front().error(), -1e-9);  // a wait never ends early
  EXPECT_LE(std::abs(cases[count / 2].error()), 0.05);
}

}  // namespace
}  // namespace ppplan::tests
