// Spans, makespans and activations that other people's schedulers gave for the same costs.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>

#include "planner/input/document.h"
#include "planner/schedule/order_rules.h"
#include "planner/schedule/training_times.h"
#include "tests/shared_data.h"

namespace ppplan::schedule {
namespace {

using input::Node;

/// The order that a golden case names, where a rule makes it.
std::optional<TrainingOrder> order_of(const std::string& name, int p, int m, int chunks) {
  const auto named = [&](const char* start) { return name.starts_with(start); };
  if (named("1F1B-V")) return std::nullopt;
  if (named("1F1B")) return one_f_one_b(p, m);
  if (named("Interleaved1F1B")) return interleaved(p, m, chunks);
  if (named("GroupInterleaved1F1B(g=")) {
    const int group = std::stoi(name.substr(name.find('=') + 1));
    return group_interleaved(p, m, chunks, group);
  }
  if (named("PyTorch LoopedBFS")) return looped_bfs(p, m, chunks);
  if (named("PyTorch Interleaved1F1B")) return interleaved(p, m, chunks, m / std::max(1, m / p));
  if (named("PyTorch ZBV")) return zbv(p, m);
  if (named("ZB-H1 handcrafted")) return zb_h1(p, m);
  if (named("ZB-H2 handcrafted")) return zb_h2(p, m);
  return std::nullopt;
}

TEST(GoldenSchedules, RulesGiveTheSameSpanMakespanAndActivations) {
  const auto path = tests::shared_file("golden/schedules.json");
  if (path.empty()) GTEST_SKIP() << "no golden data beside this checkout";
  const input::Document document = input::read_document(path);
  std::map<std::string, int> compared;
  for (const Node& item : document.root().at("cases").items()) {
    const std::string name = item.at("schedule").text();
    const int p = static_cast<int>(item.at("p").integer(1)), m = static_cast<int>(item.at("m").integer(1));
    const auto chunks = item.find("chunks");
    const auto order = order_of(name, p, m, chunks ? static_cast<int>(chunks->integer(1)) : 1);
    if (!order) continue;
    const TrainingCosts costs = uniform_costs(
        static_cast<int>(order->rank_of.size()),
        {item.at("tF").number(), item.at("tB").number(), item.at("tW").number(), item.at("tcomm").number(), 1});
    const TrainingTimes times = training_times(*order, costs);
    EXPECT_NEAR(times.makespan_s, item.at("makespan").number(), 1e-9 * times.makespan_s) << name << item.pointer();
    EXPECT_NEAR(times.span_s, item.at("stage_span").number(), 1e-9 * times.span_s) << name << item.pointer();
    std::vector<int> peaks;
    for (const Node& peak : item.at("peak_act").items()) peaks.push_back(static_cast<int>(peak.integer(0)));
    EXPECT_EQ(times.peak_micro_batches, peaks) << name << item.pointer();
    ++compared[name];
  }
  EXPECT_EQ(compared.size(), 13U);
}

TEST(GoldenSchedules, DualPipeGivesTheSameMakespanWorkAndActivations) {
  const auto path = tests::shared_file("golden/schedules.json");
  if (path.empty()) GTEST_SKIP() << "no golden data beside this checkout";
  const input::Document document = input::read_document(path);
  int compared = 0;
  for (const Node& item : document.root().at("dualpipe").items()) {
    const int p = static_cast<int>(item.at("ranks").integer(1)),
              m = static_cast<int>(item.at("chunks_total").integer(1));
    const TrainingOrder order = item.at("schedule").text() == "DualPipe" ? dualpipe(p, m) : dualpipe_v(p, m);
    const double f = item.at("tF").number(), b = item.at("tB_input").number(), w = item.at("tW").number();
    TrainingCosts costs = uniform_costs(2 * p, {f, b, w, item.at("tcomm").number(), 1});
    costs.overlap_factor = item.at("t_FandB").number() / (f + b + w);
    const TrainingTimes times = training_times(order, costs);
    EXPECT_NEAR(times.makespan_s, item.at("makespan").number(), 1e-9 * times.makespan_s) << item.pointer();
    std::vector<int> peaks;
    for (const Node& peak : item.at("peak_act").items()) peaks.push_back(static_cast<int>(peak.integer(0)));
    EXPECT_EQ(times.peak_micro_batches, peaks) << item.pointer();
    std::size_t rank = 0;
    for (const Node& busy : item.at("busy_per_rank").items())
      EXPECT_NEAR(times.busy_s[rank++], busy.number(), 1e-6) << item.pointer();
    ++compared;
  }
  EXPECT_EQ(compared, 30);
}

}  // namespace
}  // namespace ppplan::schedule
