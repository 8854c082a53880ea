#include "planner/search/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

#include "planner/input/input_error.h"
#include "tests/search/small_case.h"

namespace ppplan::search {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Eq;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::ThrowsMessage;
using tests::cluster_of;
using tests::searched;
using tests::small_request;

long pruned_together(const Counts& counts) {
  long sum = 0;
  for (const auto& [reason, count] : counts.pruned) sum += count;
  return sum;
}

const Alternative* find(const Result& result, int tp, int pp, int dp) {
  const auto found = std::find_if(result.alternatives.begin(), result.alternatives.end(), [&](const Alternative& it) {
    return it.parallel == spec::Parallel{tp, pp, dp};
  });
  return found == result.alternatives.end() ? nullptr : &*found;
}

void expect_sound(const spec::Plan& plan) {
  const int layers = static_cast<int>(plan.model.layers.size());
  EXPECT_EQ(std::accumulate(plan.partition.begin(), plan.partition.end(), 0), layers);
  EXPECT_THAT(plan.partition, Each(testing::Ge(1)));
  ASSERT_EQ(plan.stages.size(), static_cast<std::size_t>(plan.parallel.pp));
  std::set<int> used;
  int layer = 0;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    EXPECT_EQ(plan.stages[s].first_layer, layer);
    layer = plan.stages[s].end_layer;
    EXPECT_EQ(layer - plan.stages[s].first_layer, plan.partition[s]);
    ASSERT_EQ(plan.stages[s].devices.size(), static_cast<std::size_t>(plan.parallel.dp));
    for (const auto& group : plan.stages[s].devices) {
      EXPECT_EQ(group.size(), static_cast<std::size_t>(plan.parallel.tp));
      for (int device : group) {
        EXPECT_TRUE(used.insert(device).second) << "device " << device << " is used twice";
        EXPECT_GE(device, 0);
        EXPECT_LT(device, static_cast<int>(plan.cluster.devices.size()));
      }
    }
  }
  EXPECT_TRUE(plan.stages.front().embedding);
  EXPECT_TRUE(plan.stages.back().head);
  EXPECT_FALSE(plan.launch.command.empty());
  EXPECT_FALSE(plan.times.empty());
}

Request random_request(std::mt19937& random) {
  const auto whole = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  std::vector<tests::Cards> cards{{"big", whole(1, 5), whole(3, 10) * 1.0, 1}};
  if (whole(0, 1)) cards.push_back({"small", whole(1, 3), whole(2, 6) * 1.0, 1.0 + whole(1, 3)});
  Request request = small_request(cluster_of(cards, whole(0, 1) ? 4 : 0));
  request.model = tests::small_model(whole(1, 20));
  request.workload.concurrency = whole(1, 100);
  request.workload.output_tokens = whole(0, 3) ? 32 : 1;
  request.workload.goal = static_cast<spec::Goal>(whole(0, 3));
  if (whole(0, 3) == 0) request.pp = std::min(whole(1, 3), static_cast<int>(request.model.layers.size()));
  if (request.pp && *request.pp > static_cast<int>(request.cluster.devices.size())) request.pp.reset();
  if (whole(0, 4) == 0) request.workload.max_ttft_s = 0.002 * whole(1, 10);
  return request;
}

TEST(Search, EveryPlanIsSoundAndEveryCandidateIsCountedOnce) {
  std::mt19937 random(5);
  for (int repeat = 0; repeat < 25; ++repeat) {
    const Request request = random_request(random);
    const Result result = searched(request);
    SCOPED_TRACE(repeat);
    ASSERT_FALSE(result.plans.empty());
    EXPECT_LE(result.plans.size(), static_cast<std::size_t>(request.top) + 1);
    for (const spec::Plan& plan : result.plans) expect_sound(plan);
    for (const spec::Plan& plan : result.pareto) expect_sound(plan);
    EXPECT_EQ(result.counts.enumerated, result.counts.evaluated + pruned_together(result.counts));
    EXPECT_FALSE(result.interrupted);
    for (const Alternative& it : result.alternatives) {
      EXPECT_FALSE(it.reason.empty());
      EXPECT_THAT(it.verdict, AnyOf("FITS", "TIGHT", "OOM", "INVALID"));
      EXPECT_FALSE(it.parallel == result.plans.front().parallel);
    }
  }
}

TEST(Search, SameQuestionGivesTheSameAnswer) {
  std::mt19937 random(6);
  for (int repeat = 0; repeat < 5; ++repeat) {
    const Request request = random_request(random);
    const Result one = searched(request);
    const Result two = searched(request);
    EXPECT_EQ(one.plans, two.plans);
    EXPECT_EQ(one.pareto, two.pareto);
    EXPECT_EQ(one.alternatives, two.alternatives);
    EXPECT_EQ(one.counts.pruned, two.counts.pruned);
  }
}

TEST(Search, EveryFactorizationIsThePlanOrAnAlternativeWithItsReason) {
  const Result result = searched(small_request(cluster_of({{"card", 4, 8, 1}})));
  // Products up to 4: 1 + 3 + 3 + 6 ordered triples, one of which is the plan.
  EXPECT_EQ(result.alternatives.size(), 12u);
  const Alternative* three = find(result, 3, 1, 1);
  ASSERT_TRUE(three);
  EXPECT_EQ(three->verdict, "INVALID");
  EXPECT_THAT(three->reason, HasSubstr("TP 3: 8 attention heads are not divisible by 3"));
}

TEST(Search, MoreStagesThanLayersIsNamedSo) {
  Request request = small_request(cluster_of({{"card", 4, 8, 1}}));
  request.model = tests::small_model(3);
  const Result result = searched(request);
  const Alternative* four = find(result, 1, 4, 1);
  ASSERT_TRUE(four);
  EXPECT_EQ(*four, (Alternative{{1, 4, 1}, "INVALID", "PP 4 exceeds 3 layers"}));
}

TEST(Search, TensorParallelGroupsStayInsideANodeAndOnEqualCards) {
  const Result nodes = searched(small_request(cluster_of({{"card", 4, 8, 1}}, 2)));
  const Alternative* spanning = find(nodes, 4, 1, 1);
  ASSERT_TRUE(spanning);
  EXPECT_THAT(spanning->reason, HasSubstr("on nodes 0 and 1"));
  EXPECT_EQ(nodes.counts.pruned.at("TP group spans nodes"), 1);
  const Result mixed = searched(small_request(cluster_of({{"fast", 1, 8, 1}, {"slow", 3, 8, 2}})));
  const Alternative* mixing = find(mixed, 2, 2, 1);
  ASSERT_TRUE(mixing);
  EXPECT_THAT(mixing->reason, HasSubstr("would be fast and slow"));
}

TEST(Search, PinnedPartsAreKept) {
  Request request = small_request(cluster_of({{"card", 4, 8, 1}}));
  request.pp = 2;
  request.partition = {5, 7};
  request.max_num_seqs = 16;
  request.max_num_batched_tokens = 1024;
  for (const spec::Plan& plan : searched(request).plans) {
    EXPECT_THAT(plan.partition, ElementsAre(5, 7));
    EXPECT_EQ(plan.micro_batching.max_num_seqs, 16);
    EXPECT_EQ(plan.micro_batching.max_num_batched_tokens, 1024);
  }
}

TEST(Search, PinnedPartitionThatDoesNotFitTheModelSaysWhatWasExpectedAndFound) {
  Request request = small_request(cluster_of({{"card", 4, 8, 1}}));
  const auto expect = [&](std::vector<int> partition, const std::string& expected, const std::string& found) {
    request.partition = std::move(partition);
    EXPECT_THAT([&] { searched(request); }, ThrowsMessage<input::InputError>(testing::AllOf(
                                                HasSubstr("--partition"), HasSubstr(expected), HasSubstr(found))));
  };
  request.pp = 3;
  expect({6, 6}, "3 entries", "2 entries (6,6)");
  request.pp = 2;
  expect({6, 7}, "a sum of 12 layers", "13 (6,7)");
  expect({12, 0}, "at least 1 layer on every stage", "0 (12,0)");
  expect({13, -1}, "at least 1 layer on every stage", "-1 (13,-1)");
}

TEST(Search, PinnedPartsThatContradictModelOrClusterNameTheirFlag) {
  const auto expect = [&](auto change, const std::string& text) {
    Request request = small_request(cluster_of({{"card", 4, 8, 1}}));
    change(request);
    EXPECT_THAT([&] { searched(request); }, ThrowsMessage<input::InputError>(HasSubstr(text)));
  };
  expect([](Request& r) { r.tp = 3; }, "--tp: expected");
  expect([](Request& r) { r.tp = 0; }, "--tp: expected at least 1");
  expect([](Request& r) { r.pp = 13; }, "--pp: expected at most the 12 layers");
  expect([](Request& r) { r.tp = r.pp = r.dp = 2; }, "at least 8 devices for TP 2 x PP 2 x DP 2");
  expect([](Request& r) { r.partition = {3, 3, 2, 2, 2}; }, "--gpus: expected at least 5 devices");
  expect([](Request& r) { r.max_model_len = 100; }, "--max-model-len: expected from 320");
  expect([](Request& r) { r.workload.input_tokens = 40000; }, "--isl");
  expect([](Request& r) { r.max_num_seqs = 64, r.max_num_batched_tokens = 32; }, "--max-num-batched-tokens");
  expect([](Request& r) { r.cluster = cluster_of({{"a", 1, 8, 1}, {"b", 1, 8, 1}}), r.tp = 2; }, "would be a and b");
}

TEST(Search, GoalDecidesTheOrder) {
  Request request = small_request(cluster_of({{"card", 4, 8, 1}}));
  const auto best = [&](spec::Goal goal) {
    request.workload.goal = goal;
    return searched(request).plans.front().predicted;
  };
  const auto throughput = best(spec::Goal::throughput), ttft = best(spec::Goal::ttft), tpot = best(spec::Goal::tpot),
             context = best(spec::Goal::max_context);
  // Ties within 1 % may go to another candidate.
  EXPECT_GE(throughput.output_tokens_per_s * 1.0102, ttft.output_tokens_per_s);
  EXPECT_GE(throughput.output_tokens_per_s * 1.0102, tpot.output_tokens_per_s);
  EXPECT_LE(ttft.ttft_s, throughput.ttft_s * 1.0102);
  EXPECT_LE(tpot.tpot_s, throughput.tpot_s * 1.0102);
  EXPECT_GE(static_cast<double>(context.kv_tokens) * 1.0102, static_cast<double>(throughput.kv_tokens));
}

TEST(Search, GoalsOfLatencyLetAllRequestsRun) {
  Request request = small_request(cluster_of({{"card", 4, 8, 1}}));
  for (spec::Goal goal : {spec::Goal::ttft, spec::Goal::tpot}) {
    request.workload.goal = goal;
    for (const spec::Plan& plan : searched(request).plans)
      EXPECT_GE(plan.micro_batching.max_num_seqs * plan.parallel.dp, request.workload.concurrency);
  }
}

TEST(Search, BestPipelineIsAmongThePlansWhenTheBestHasNone) {
  Request request = small_request(cluster_of({{"card", 4, 8, 1}}));
  request.top = 1;
  request.workload.goal = spec::Goal::ttft;
  request.workload.concurrency = 1;
  const Result result = searched(request);
  ASSERT_EQ(result.plans.front().parallel.pp, 1);
  ASSERT_EQ(result.plans.size(), 2u);
  EXPECT_GT(result.plans.back().parallel.pp, 1);
  EXPECT_THAT(result.plans.back().warnings, Contains(HasSubstr("best one with a pipeline")));
  EXPECT_THAT(result.plans.back().neighbours, Not(IsEmpty()));
}

TEST(Search, FinalistsAreReorderedByTheSimulator) {
  Request request = small_request(cluster_of({{"card", 4, 8, 1}}));
  request.pp = 4;
  // A simulator that finds the last finalist of the first batch 10 times better than the closed form does.
  std::vector<int> favoured;
  const Result result = searched(request, [&](std::span<const spec::Plan> plans) {
    auto predicted = tests::as_analytic(plans);
    if (favoured.empty()) {
      favoured = plans.back().partition;
      predicted.back().output_tokens_per_s *= 10;
    }
    return predicted;
  });
  EXPECT_EQ(result.plans.front().partition, favoured);
  EXPECT_EQ(result.plans.front().predicted.simulated_by, "fake");
  EXPECT_GT(result.counts.simulated, 0);
}

TEST(Search, LimitsOfTimePruneWithAReason) {
  Request request = small_request(cluster_of({{"card", 4, 8, 1}}));
  const Result free = searched(request);
  std::vector<double> ttft;
  for (const spec::Plan& plan : free.pareto) ttft.push_back(plan.predicted.ttft_s);
  request.workload.max_ttft_s = *std::min_element(ttft.begin(), ttft.end()) * 1.05;
  const Result limited = searched(request);
  ASSERT_TRUE(limited.feasible);
  for (const spec::Plan& plan : limited.plans) EXPECT_LE(plan.predicted.ttft_s, *request.workload.max_ttft_s);
  EXPECT_GT(limited.counts.pruned.at("over --max-ttft-s"), 0);
  request.workload.max_ttft_s = 1e-9;
  const Result none = searched(request);
  EXPECT_FALSE(none.feasible);
  ASSERT_EQ(none.plans.size(), 1u);
  EXPECT_THAT(none.plans.front().warnings, Contains(HasSubstr("exceeds the limit")));
}

TEST(Search, WhenNothingFitsTheLeastShortPlanSaysWhereAndByHowMuch) {
  Request request = small_request(cluster_of({{"card", 2, 0.1, 1}}));
  const Result result = searched(request);
  EXPECT_FALSE(result.feasible);
  ASSERT_EQ(result.plans.size(), 1u);
  EXPECT_EQ(result.plans.front().verdict, spec::Verdict::oom);
  EXPECT_THAT(result.plans.front().warnings, Contains(testing::ContainsRegex("stage [01] \\(card\\) is short")));
  EXPECT_EQ(result.counts.evaluated, 0);
  EXPECT_THAT(result.alternatives, Contains(Field(&Alternative::verdict, Eq("OOM"))));
  for (const Alternative& it : result.alternatives) {
    if (it.verdict == "OOM") {
      EXPECT_THAT(it.reason, HasSubstr("does not fit: stage"));
    }
  }
}

TEST(Search, BiggerMemoryNeverHoldsFewerKvTokensForAPinnedPartition) {
  std::int64_t before = 0;
  for (double gib = 4; gib <= 16; gib += 1) {
    Request request = small_request(cluster_of({{"card", 3, gib, 1}}));
    request.partition = {3, 5, 4};
    request.tp = request.dp = 1;
    request.max_num_seqs = 32;
    request.max_num_batched_tokens = 2048;
    const std::int64_t tokens = searched(request).plans.front().predicted.kv_tokens;
    EXPECT_GE(tokens, before) << gib;
    before = tokens;
  }
  EXPECT_GT(before, 0);
}

TEST(Search, NeighboursMoveOneLayerOverABoundary) {
  Request request = small_request(cluster_of({{"card", 3, 8, 1}}));
  request.partition = {4, 4, 4};
  request.tp = 1;
  const Result result = searched(request);
  const spec::Plan& plan = result.plans.front();
  ASSERT_THAT(plan.neighbours, Not(IsEmpty()));
  for (const spec::Neighbour& neighbour : plan.neighbours) {
    EXPECT_EQ(std::accumulate(neighbour.partition.begin(), neighbour.partition.end(), 0), 12);
    int moved = 0;
    for (std::size_t s = 0; s < 3; ++s) moved += std::abs(neighbour.partition[s] - plan.partition[s]);
    EXPECT_EQ(moved, 2);
    EXPECT_GT(neighbour.kv_tokens, 0);
    EXPECT_GT(neighbour.output_tokens_per_s, 0);
  }
}

/// Layers 7 to 11 read what layer 6 keeps: the last of three stages has six layers at least, of every neighbour too.
TEST(Search, LayersThatShareKeysAndValuesStayInOneStage) {
  Request request = small_request(cluster_of({{"card", 3, 8, 1}}));
  for (std::size_t l = 7; l < 12; ++l) request.model.layers[l].attention.shares_kv = true;
  request.pp = 3;
  request.tp = 1;
  for (const spec::Plan& plan : searched(request).plans) EXPECT_GE(plan.partition.back(), 6);
  request.partition = {3, 3, 6};
  const Result result = searched(request);
  EXPECT_THAT(result.plans.front().neighbours, Not(IsEmpty()));
  for (const spec::Neighbour& neighbour : result.plans.front().neighbours) EXPECT_GE(neighbour.partition.back(), 6);
}

TEST(Search, StoppedBeforeItStartedIsInterruptedAndEmpty) {
  cost::CostBook book({});
  const std::atomic<bool> stop{true};
  const Result result = search(small_request(cluster_of({{"card", 4, 8, 1}})), book, tests::as_analytic, {}, stop);
  EXPECT_TRUE(result.interrupted);
  EXPECT_TRUE(result.feasible);
  EXPECT_THAT(result.plans, IsEmpty());
}

TEST(Search, StoppedOnItsWayReturnsTheBestSoFarWithoutSimulating) {
  cost::CostBook book({});
  std::atomic<bool> stop{false};
  const auto stop_at = [&](long done, long) { stop = done >= 5; };
  const Result result = search(small_request(cluster_of({{"card", 4, 8, 1}})), book, tests::as_analytic, stop_at, stop);
  EXPECT_TRUE(result.interrupted);
  ASSERT_THAT(result.plans, Not(IsEmpty()));
  EXPECT_EQ(result.counts.simulated, 0);
  EXPECT_EQ(result.plans.front().predicted.simulated_by, "analytic");
  EXPECT_EQ(result.counts.enumerated, result.counts.evaluated + pruned_together(result.counts));
}

TEST(Search, ProgressCountsUpToItsTotal) {
  cost::CostBook book({});
  const std::atomic<bool> stop{false};
  std::vector<std::pair<long, long>> seen;
  search(
      small_request(cluster_of({{"card", 2, 8, 1}})), book, {}, [&](long d, long t) { seen.emplace_back(d, t); }, stop);
  ASSERT_FALSE(seen.empty());
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], std::pair(static_cast<long>(i) + 1, seen[0].second));
  EXPECT_EQ(seen.back().first, seen.back().second);
}

TEST(Search, SlowerCardTakesFewerLayers) {
  // 3 to 1 in speed: a slow stage of the same time holds about a third of the layers of the fast one.
  Request request = small_request(cluster_of({{"fast", 1, 8, 1}, {"slow", 1, 8, 3}}));
  request.model = tests::small_model(24);
  request.pp = 2;
  request.dp = request.tp = 1;
  const spec::Plan plan = searched(request).plans.front();
  const bool fast_first = plan.stages[0].devices[0][0] == 0;
  EXPECT_GT(plan.partition[fast_first ? 0 : 1], plan.partition[fast_first ? 1 : 0]);
}

TEST(Search, MoreMemoryNeverHoldsFewerTokensUnderTheGoalMaxContext) {
  std::mt19937 random(417);
  const auto whole = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  for (int round = 0; round < 60; ++round) {
    const double memory = whole(20, 80) * 0.1;
    const int count = whole(1, 3), layers = whole(4, 20);
    const auto tokens = [&](double more) {
      Request request = small_request(cluster_of({{"big", count, memory + more, 1}, {"small", 1, 2 + more, 2}}));
      request.model = tests::small_model(layers);
      request.workload.goal = spec::Goal::max_context;
      const Result result = searched(request);
      return result.feasible && !result.plans.empty() ? result.plans.front().predicted.kv_tokens : 0;
    };
    std::int64_t before = 0;
    for (const double more : {0.0, 0.1, 0.25, 1.0}) {
      const std::int64_t now = tokens(more);
      EXPECT_GE(now, before) << "round " << round << " with " << more << " GiB more";
      before = now;
    }
  }
}

}  // namespace
}  // namespace ppplan::search
