// Random training steps of every kind of order, up to 32 ranks of 4 chunks: what the document's verifier, the static
// check, the memory account and the simulator say of each, none of which made it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "planner/report/bubble_report.h"
#include "planner/schedule/deadlock.h"
#include "planner/schedule/longest_path.h"
#include "planner/schedule/schedule_json.h"
#include "planner/schedule/training_schedule.h"
#include "planner/verify/verify.h"
#include "sim/simulate.h"
#include "tests/schedule/random_orders.h"

namespace ppplan {
namespace {

using schedule::Schedule;
using tests::draw;
using tests::RandomOrder;

struct Made {
  RandomOrder step;
  Schedule schedule;
  std::string name;  // kind, sizes and seed, to find it again
};

/// Every fortieth round is large.
tests::StepSizes random_sizes(tests::TrainingRandom& random, int round) {
  if (round % 40 == 0) return {draw(random, 9, 32), draw(random, 1, 40), draw(random, 1, 4)};
  return {draw(random, 1, 8), draw(random, 1, 14), draw(random, 1, 4)};
}

int random_buffers(tests::TrainingRandom& random, const RandomOrder& step) {
  bool pairs = false;  // that take two inputs at once
  for (const auto& actions : step.order.ranks)
    for (const auto& action : actions) pairs = pairs || action.kind == traces::OpKind::forward_backward;
  return draw(random, 0, 2) == 0 ? 0 : draw(random, pairs ? 2 : 1, 2);
}

Made made(const std::string& kind, int round, unsigned seed) {
  tests::TrainingRandom random(seed);
  Made out;
  out.step = random_order(random, kind, random_sizes(random, round));
  const int buffers = random_buffers(random, out.step);
  out.schedule = training_schedule(out.step.order, out.step.costs, buffers);
  const auto& [p, m, chunks] = out.step.sizes;
  out.name = kind + " p=" + std::to_string(p) + " m=" + std::to_string(m) + " chunks=" + std::to_string(chunks) +
             " buffers=" + std::to_string(buffers) + " seed=" + std::to_string(seed);
  return out;
}

std::vector<std::string> false_claims(const Schedule& schedule) {
  std::vector<std::string> out;
  for (const verify::Check& check : verify::verify(input::Document(to_json(schedule), "schedule.json")))
    if (!check.holds) out.push_back(check.claim + ": " + check.detail);
  return out;
}

/// Counted from the timeline, where links queue and buffers are few too: an order holds the same whenever it runs.
void expect_within_limit(const Made& made, const traces::Timeline& timeline) {
  report::ActivationCosts costs;
  costs.bytes.clear();
  for (const auto& stage : made.step.costs.stages) costs.bytes.push_back(stage.activation);
  costs.release_at_input = made.step.costs.released_by_input_gradient;
  const auto report = bubble_report(made.schedule, timeline, own_seconds(made.schedule), costs);
  for (std::size_t rank = 0; rank < made.step.limit.size(); ++rank)
    ASSERT_LE(report.stages[rank].peak_activation_bytes, made.step.limit[rank] * (1 + 1e-9))
        << made.name << " rank " << rank;
}

void expect_same_spans(const traces::Timeline& simulated, const traces::Timeline& computed, const std::string& name) {
  ASSERT_EQ(simulated.spans.size(), computed.spans.size()) << name;
  std::map<std::pair<int, traces::OpKey>, std::pair<double, double>> when;
  for (const traces::Span& span : simulated.spans) when[{span.device, span.key}] = {span.start_s, span.end_s};
  for (const traces::Span& span : computed.spans) {
    const auto [start_s, end_s] = when.at({span.device, span.key});
    ASSERT_NEAR(start_s, span.start_s, 1e-9 * std::max(1.0, span.end_s)) << name;
    ASSERT_NEAR(end_s, span.end_s, 1e-9 * std::max(1.0, span.end_s)) << name;
  }
}

/// Seeds are those of the kind, so that kinds can be tested at the same time.
class EveryOrder : public testing::TestWithParam<std::string> {};

TEST_P(EveryOrder, IsVerifiedFitsCompletesAndIsSimulatedAsTheLongestPath) {
  constexpr int rounds = 200;
  const auto kinds = tests::order_kinds();
  const auto kind = static_cast<unsigned>(std::ranges::find(kinds, GetParam()) - kinds.begin());
  std::vector<Schedule> schedules;
  std::vector<traces::Timeline> computed;
  std::vector<std::string> names;
  for (int round = 0; round < rounds; ++round) {
    const Made one = made(GetParam(), round, 1000 * kind + static_cast<unsigned>(round));
    ASSERT_TRUE(schedule::can_complete(one.schedule).completes) << one.name;
    ASSERT_THAT(false_claims(one.schedule), testing::IsEmpty()) << one.name;
    computed.push_back(longest_path(one.schedule, own_seconds(one.schedule)));
    ASSERT_NO_FATAL_FAILURE(expect_within_limit(one, computed.back()));
    names.push_back(one.name);
    schedules.push_back(one.schedule);
  }
  spec::ClusterSpec cluster;  // transfers state no bytes, so nothing connects the devices
  cluster.devices.resize(32);
  const auto simulated = sim::simulate(schedules, cluster);
  for (std::size_t k = 0; k < simulated.size(); ++k)
    ASSERT_NO_FATAL_FAILURE(expect_same_spans(simulated[k], computed[k], names[k]));
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryOrder, testing::ValuesIn(tests::order_kinds()), test_name);

}  // namespace
}  // namespace ppplan
