#include "planner/search/training_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <set>

#include "planner/cost/training_memory.h"
#include "planner/cost/training_stages.h"
#include "planner/input/input_error.h"
#include "tests/search/small_case.h"

namespace ppplan::search {
namespace {

using spec::TrainingPlan;

TrainingRequest request_for(const spec::ClusterSpec& cluster, int layers = 12, int global_batch = 16) {
  TrainingRequest out;
  out.question.model = tests::small_model(layers);
  out.question.cluster = cluster;
  out.question.task = {global_batch, 256};
  return out;
}

TrainingResult searched(const TrainingRequest& request) {
  cost::CostBook book{{}};
  const std::atomic<bool> stop{false};
  return training_search(request, book, {}, stop);
}

double best_s(const TrainingRequest& request) { return searched(request).plans.at(0).predicted.step_s; }

TEST(TrainingSearch, EveryPlanKeepsTheBatchAndCoversLayersAndDevicesOnce) {
  for (const int batch : {8, 12, 16, 96}) {
    TrainingRequest request = request_for(tests::cluster_of({{"card", 8, 8, 1}}), 12, batch);
    request.top = 50;
    const TrainingResult result = searched(request);
    ASSERT_TRUE(result.feasible);
    for (const TrainingPlan& plan : result.plans) {
      EXPECT_EQ(plan.parallel.dp * plan.settings.micro_batches * plan.settings.sequences, batch);
      EXPECT_EQ(std::accumulate(plan.partition.begin(), plan.partition.end(), 0), 12);
      std::set<int> devices;
      for (const auto& rank : plan.ranks)
        for (const auto& group : rank.devices) devices.insert(group.begin(), group.end());
      EXPECT_EQ(devices.size(), 8U);
      EXPECT_GE(plan.predicted.step_s, plan.predicted.lower_bound_s * (1 - 1e-9));
    }
  }
}

TEST(TrainingSearch, CountsAddUp) {
  const TrainingResult result = searched(request_for(tests::cluster_of({{"card", 4, 8, 1}})));
  long pruned = 0;
  for (const auto& [reason, count] : result.counts.pruned) pruned += count;
  EXPECT_EQ(result.counts.enumerated, result.counts.evaluated + pruned);
}

TEST(TrainingSearch, NoPinnedPartIsFasterThanTheBestOfAll) {
  const TrainingRequest open = request_for(tests::cluster_of({{"card", 4, 8, 1}}));
  const double best = best_s(open);
  for (const char* schedule : {"1f1b", "interleaved", "zb-h1", "zbv-torch", "gpipe", "looped-bfs"})
    for (const int pp : {2, 4}) {
      TrainingRequest pinned = open;
      pinned.schedule = schedule;
      pinned.pp = pp;
      const TrainingResult result = searched(pinned);
      if (!result.feasible) continue;
      EXPECT_GE(result.plans[0].predicted.step_s, best * (1 - 1e-9)) << schedule << pp;
      EXPECT_EQ(result.plans[0].settings.schedule, schedule);
      EXPECT_EQ(result.plans[0].parallel.pp, pp);
    }
}

TEST(TrainingSearch, TheAutomaticOrderIsNeverSlowerThanANamedOne) {
  for (const double gib : {1.0, 8.0})
    for (const int pp : {1, 2, 4}) {
      TrainingRequest request = request_for(tests::cluster_of({{"card", 4, gib, 1}}), 12, 16);
      request.pp = pp;
      request.schedule = "auto";
      const TrainingResult automatic = searched(request);
      for (const char* schedule : {"1f1b", "interleaved", "zb-h1", "dualpipe", "zb-v", "v-half"}) {
        request.schedule = schedule;
        const TrainingResult named = searched(request);
        if (!named.feasible) continue;
        ASSERT_TRUE(automatic.feasible) << schedule << pp;
        EXPECT_LE(automatic.plans[0].predicted.step_s, named.plans[0].predicted.step_s * (1 + 1e-9)) << schedule << pp;
      }
      if (!automatic.feasible) continue;
      EXPECT_EQ(automatic.plans[0].settings.schedule, "auto");
      EXPECT_FALSE(automatic.plans[0].settings.order.empty());
      EXPECT_EQ(std::accumulate(automatic.plans[0].partition.begin(), automatic.plans[0].partition.end(), 0), 12);
    }
}

TEST(TrainingSearch, MoreMemoryIsNeverSlower) {
  for (int layers = 4; layers < 16; ++layers) {
    double before = std::numeric_limits<double>::infinity();
    for (const double gib : {0.75, 1.5, 3.0, 12.0}) {
      const TrainingResult result = searched(request_for(tests::cluster_of({{"card", 4, gib, 1}}), layers, 16));
      if (!result.feasible) continue;
      EXPECT_LE(result.plans[0].predicted.step_s, before * (1 + 1e-9)) << layers << " layers, " << gib << " GiB";
      before = result.plans[0].predicted.step_s;
    }
    EXPECT_LT(before, std::numeric_limits<double>::infinity());
  }
}

TEST(TrainingSearch, OneDeviceTakesItsWorkAndTheUpdate) {
  TrainingRequest request = request_for(tests::cluster_of({{"card", 1, 8, 1}}), 3, 4);
  request.sequences = 1;
  request.recompute = false;
  const TrainingPlan plan = searched(request).plans.at(0);
  const spec::TrainingStage& stage = plan.stages.at(0);
  EXPECT_NEAR(plan.predicted.pipeline_s, 4 * (stage.forward_s + stage.backward_input_s + stage.backward_weight_s),
              1e-12);
  EXPECT_DOUBLE_EQ(plan.predicted.step_s, plan.predicted.pipeline_s + plan.predicted.update_s);
  EXPECT_EQ(plan.predicted.bubble_fraction, 0);
}

TEST(TrainingSearch, AWholeOptimizerIsHeldByEveryReplica) {
  TrainingRequest request = request_for(tests::cluster_of({{"card", 4, 8, 1}}));
  request.dp = 4;
  const spec::TrainingMemory shared = searched(request).plans.at(0).ranks.at(0).memory;
  request.question.settings.sharded_optimizer = false;
  const spec::TrainingMemory whole = searched(request).plans.at(0).ranks.at(0).memory;
  EXPECT_NEAR(static_cast<double>(whole.optimizer_bytes), 4.0 * static_cast<double>(shared.optimizer_bytes), 4);
}

TEST(TrainingSearch, ASlowCardGetsFewerLayers) {
  TrainingRequest request = request_for(tests::cluster_of({{"fast", 1, 8, 1}, {"slow", 1, 8, 3}}), 12, 16);
  request.pp = 2;
  request.schedule = "1f1b";
  const TrainingPlan plan = searched(request).plans.at(0);
  EXPECT_GT(plan.partition[0], plan.partition[1]);
}

TEST(TrainingSearch, RecomputingKeepsInputsAloneAndCostsAForward) {
  TrainingRequest request = request_for(tests::cluster_of({{"card", 2, 8, 1}}), 4, 8);
  request.pp = 2;
  request.schedule = "1f1b";
  request.partition = std::vector<int>{2, 2};
  request.sequences = 1;
  request.recompute = false;
  const TrainingPlan kept = searched(request).plans.at(0);
  request.recompute = true;
  const TrainingPlan again = searched(request).plans.at(0);
  EXPECT_LT(again.ranks[0].memory.activation_bytes, kept.ranks[0].memory.activation_bytes);
  EXPECT_GT(again.stages[0].backward_input_s, kept.stages[0].backward_input_s);
  // Two layers whose inputs are [256, 512] in 16 bits, two micro-batches alive on the first of two ranks.
  EXPECT_EQ(again.stages[0].activation_bytes, 2 * 256 * 512 * 2);
}

TEST(TrainingSearch, WhatDoesNotFitSaysByHowMuch) {
  const TrainingResult result = searched(request_for(tests::cluster_of({{"card", 2, 0.6, 1}}), 12, 8));
  EXPECT_FALSE(result.feasible);
  for (const TrainingPlan& plan : result.plans) EXPECT_EQ(plan.verdict, spec::Verdict::oom);
}

TEST(TrainingSearch, ImpossibleRequestsNameTheFlag) {
  const auto refused = [](const std::function<void(TrainingRequest&)>& change) {
    TrainingRequest request = request_for(tests::cluster_of({{"card", 4, 8, 1}}));
    change(request);
    try {
      searched(request);
    } catch (const input::InputError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(refused([](auto& r) { r.tp = 3; }), ::testing::HasSubstr("--tp"));
  EXPECT_THAT(refused([](auto& r) { r.question.task.global_batch = 0; }), ::testing::HasSubstr("--global-batch"));
  EXPECT_THAT(refused([](auto& r) { r.question.task.sequence_tokens = 1 << 30; }),
              ::testing::HasSubstr("--sequence-length"));
  EXPECT_THAT(refused([](auto& r) { r.schedule = "1f2b"; }), ::testing::HasSubstr("--schedule"));
  EXPECT_THAT(refused([](auto& r) { r.partition = std::vector<int>{6, 5}; }), ::testing::HasSubstr("--partition"));
}

// hidden 512, 8 heads and 4 KV heads of 64: 4 x 512 + (16 + 8) x 64 + 16 = 3600 elements, and 3 x intermediate.
TEST(TrainingMemory, ALayersActivationsAreThoseThatItsBackwardReads) {
  const spec::ModelSpec model = tests::small_model(1);
  const double intermediate = model.layers[0].feed_forward.intermediate;
  EXPECT_DOUBLE_EQ(cost::activation_bytes(model, model.layers[0], 1, 10), 10 * 2 * (3600 + 3 * intermediate));
  EXPECT_DOUBLE_EQ(cost::activation_bytes(model, model.layers[0], 2, 10), 10 * (3600 + 3 * intermediate));
}

TEST(TrainingMemory, StagesHoldEveryParameterOnce) {
  const spec::ModelSpec model = tests::small_model(5);
  const double whole = cost::held_parameters(model, {0, 5, true, true}, 1);
  const double parts =
      cost::held_parameters(model, {0, 2, true, false}, 1) + cost::held_parameters(model, {2, 5, false, true}, 1);
  EXPECT_DOUBLE_EQ(whole, parts);
  EXPECT_DOUBLE_EQ(whole, static_cast<double>(spec::parameters(model)));
}

// Two cards of one node, each on its own link to the switch: each sends half of 6 bytes a parameter.
TEST(TrainingSync, ARingSendsItsShareOverEveryLink) {
  TrainingRequest request = request_for(tests::cluster_of({{"card", 2, 8, 1}}), 4, 8);
  request.dp = 2;
  const TrainingPlan plan = searched(request).plans.at(0);
  const spec::ClusterSpec& cluster = plan.cluster;
  const double bytes = 0.5 * 6 * static_cast<double>(plan.ranks[0].memory.weights_bytes) / 2;
  EXPECT_NEAR(plan.ranks[0].gradient_sync_s, bytes / spec::bandwidth_bytes_per_s(cluster, spec::route(cluster, 0, 1)),
              1e-9);
  EXPECT_LE(plan.ranks[0].exposed_sync_s, plan.ranks[0].gradient_sync_s);
}

}  // namespace
}  // namespace ppplan::search
