// Spans, makespans and activations that other people's schedulers gave for the same costs.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>

#include "planner/input/document.h"
#include "planner/schedule/auto_order.h"
#include "planner/schedule/order_rules.h"
#include "planner/schedule/searched_order.h"
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

/// Kind of a case that a search makes; "" of others.
std::string searched_kind(const std::string& name) {
  const std::map<std::string, std::string> kinds{{"ZB-auto(heuristic)", "zb-auto"},
                                                 {"ZB-V", "zb-v"},
                                                 {"V-half", "v-half"},
                                                 {"V-min", "v-min"},
                                                 {"1F1B-V", "1f1b-v"}};
  const auto found = kinds.find(name);
  return found == kinds.end() ? "" : found->second;
}

/// The limit that a case states, or what its order holds where it states none and is named after what it holds.
std::vector<double> limit_of(const Node& item, const std::string& kind, int ranks) {
  const auto limit = item.find("mem_limit");
  if (limit) return std::vector<double>(static_cast<std::size_t>(ranks), limit->number());
  if (kind == "zb-auto") return {};
  double most = 0;
  for (const Node& peak : item.at("peak_mem_MF").items()) most = std::max(most, peak.number());
  return std::vector<double>(static_cast<std::size_t>(ranks), most);
}

TEST(GoldenSchedules, SearchedOrdersAreNeverLongerUnderTheSameLimit) {
  const auto path = tests::shared_file("golden/schedules.json");
  if (path.empty()) GTEST_SKIP() << "no golden data beside this checkout";
  const input::Document document = input::read_document(path);
  std::map<std::string, int> compared;
  for (const Node& item : document.root().at("cases").items()) {
    SearchedRequest request;
    request.kind = searched_kind(item.at("schedule").text());
    if (request.kind.empty()) continue;
    request.ranks = static_cast<int>(item.at("p").integer(1));
    request.micro_batches = static_cast<int>(item.at("m").integer(1));
    request.costs = uniform_costs(
        request.ranks * chunks_of_searched(request.kind),
        {item.at("tF").number(), item.at("tB").number(), item.at("tW").number(), item.at("tcomm").number(), 1});
    request.memory_limit = limit_of(item, request.kind, request.ranks);
    const TrainingTimes barrier = training_times(searched_order(request).order, request.costs);
    EXPECT_TRUE(within(barrier, request.memory_limit)) << item.pointer();
    EXPECT_LE(barrier.makespan_s, item.at("makespan").number() * (1 + 1e-12)) << request.kind << item.pointer();
    request.objective = Objective::span;
    const TrainingTimes span = training_times(searched_order(request).order, request.costs);
    EXPECT_TRUE(within(span, request.memory_limit)) << item.pointer();
    EXPECT_LE(span.span_s, item.at("stage_span").number() * (1 + 1e-12)) << request.kind << item.pointer();
    // Of the orders with the shortest span it is the one that ends first.
    EXPECT_LE(span.makespan_s, item.at("makespan").number() * (1 + 1e-12)) << request.kind << item.pointer();
    ++compared[request.kind];
  }
  EXPECT_EQ(compared, (std::map<std::string, int>{
                          {"1f1b-v", 26}, {"v-half", 23}, {"v-min", 23}, {"zb-auto", 102}, {"zb-v", 26}}));
}

TEST(GoldenSchedules, AutoIsNeverLongerThanAnyoneUnderTheSameLimit) {
  const auto path = tests::shared_file("golden/schedules.json");
  if (path.empty()) GTEST_SKIP() << "no golden data beside this checkout";
  const input::Document document = input::read_document(path);
  for (const Node& item : document.root().at("cases").items()) {
    const std::string kind = searched_kind(item.at("schedule").text());
    if (kind.empty()) continue;
    AutoRequest request;
    request.ranks = static_cast<int>(item.at("p").integer(1));
    request.micro_batches = static_cast<int>(item.at("m").integer(1));
    request.chunks = chunks_of_searched(kind);
    request.costs = uniform_costs(
        request.ranks * request.chunks,
        {item.at("tF").number(), item.at("tB").number(), item.at("tW").number(), item.at("tcomm").number(), 1});
    request.memory_limit = limit_of(item, kind, request.ranks);
    request.time_limit_s = 0;
    const AutoOrder found = auto_order(request);
    const TrainingTimes times = training_times(found.order, found.costs);
    EXPECT_TRUE(within(times, request.memory_limit)) << item.pointer();
    EXPECT_LE(times.makespan_s, item.at("makespan").number() * (1 + 1e-12)) << kind << item.pointer();
  }
}

/// Stages of unequal cost that share one limit; the shares that the input gradient frees differ a little there, and
/// the largest of them is kept longest here.
TEST(GoldenSchedules, UnequalStagesAreNeverLongerUnderTheSameLimit) {
  const auto path = tests::shared_file("golden/schedules.json");
  if (path.empty()) GTEST_SKIP() << "no golden data beside this checkout";
  const input::Document document = input::read_document(path);
  int compared = 0;
  for (const Node& item : document.root().at("per_stage_costs").items()) {
    SearchedRequest request{.kind = "zb-auto", .objective = Objective::span};
    request.ranks = static_cast<int>(item.at("p").integer(1));
    request.micro_batches = static_cast<int>(item.at("m").integer(1));
    double released = 1;
    for (std::size_t s = 0; s < static_cast<std::size_t>(request.ranks); ++s) {
      const auto of = [&](const char* key) { return item.at(key).items()[s].number(); };
      request.costs.stages.push_back({of("tF"), of("tB"), of("tW"), item.at("tcomm").number(), of("mem_f")});
      request.memory_limit.push_back(of("max_mem"));
      released = std::min(released, -of("mem_b") / of("mem_f"));
    }
    request.costs.released_by_input_gradient = released;
    const TrainingTimes times = training_times(searched_order(request).order, request.costs);
    EXPECT_LE(times.span_s, item.at("stage_span").number() * (1 + 1e-12)) << item.pointer();
    EXPECT_LE(times.makespan_s, item.at("makespan").number() * (1 + 1e-12)) << item.pointer();
    ++compared;
  }
  EXPECT_EQ(compared, 4);
}

}  // namespace
}  // namespace ppplan::schedule
