// A partition that a user passes by hand is not better than what the search finds by itself, by the search's own
// figures and beyond what it calls no difference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "planner/search/rank.h"
#include "planner/search/time_front.h"
#include "tests/search/small_case.h"

namespace ppplan::search {
namespace {

using tests::cluster_of;
using tests::searched;
using tests::small_request;

class RandomCase {
 public:
  explicit RandomCase(unsigned seed) : random_(seed) {}

  int whole(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }

  /// Layers with experts read all of them in decode and use few in prefill, windows look at less: no two times of a
  /// stage are in proportion.
  Request draw() {
    const int small = whole(0, 2);
    std::vector<tests::Cards> cards{{"big", whole(2, 4) - std::min(small, 2) / 2, whole(2, 8) * 0.5, 1}};
    if (small > 0) cards.push_back({"small", small, whole(2, 6) * 0.5, 1.0 + whole(1, 3)});
    Request request = small_request(cluster_of(cards, 0));
    request.model = tests::small_model(whole(6, 14));
    for (spec::Layer& layer : request.model.layers) change(layer);
    request.tp = request.dp = 1;
    request.pp = static_cast<int>(request.cluster.devices.size());
    request.workload.input_tokens = 1 << whole(6, 11);
    request.workload.output_tokens = 1 << whole(0, 8);
    request.workload.concurrency = whole(1, 200);
    request.workload.goal = static_cast<spec::Goal>(whole(0, 3));
    request.top = 1;
    return request;
  }

  std::vector<int> partition(int layers, int stages) {
    std::vector<int> cuts(static_cast<std::size_t>(layers - 1));
    std::iota(cuts.begin(), cuts.end(), 1);
    std::shuffle(cuts.begin(), cuts.end(), random_);
    cuts.resize(static_cast<std::size_t>(stages - 1));
    cuts.push_back(layers);
    std::sort(cuts.begin(), cuts.end());
    std::adjacent_difference(cuts.begin(), cuts.end(), cuts.begin());
    return cuts;
  }

 private:
  void change(spec::Layer& layer) {
    const int kind = whole(0, 3);
    if (kind == 0) {
      layer.feed_forward = {};
      layer.feed_forward.kind = spec::FeedForwardKind::moe;
      layer.feed_forward.intermediate = 512;
      layer.feed_forward.experts = 64;
      layer.feed_forward.experts_per_token = 2;
    }
    if (kind == 1) layer.feed_forward.intermediate = 8192;
    if (kind == 2) {
      layer.attention.kind = spec::AttentionKind::sliding_window;
      layer.attention.window = 128;
    }
  }

  std::mt19937 random_;
};

std::string text(const std::vector<int>& partition) {
  std::string out;
  for (int layers : partition) out += (out.empty() ? "" : ",") + std::to_string(layers);
  return out;
}

/// A simulator that likes larger batches more than the closed form does: 2 % with each doubling.
std::vector<spec::Predicted> with_larger_batches(std::span<const spec::Plan> plans) {
  std::vector<spec::Predicted> out = tests::as_analytic(plans);
  for (std::size_t i = 0; i < plans.size(); ++i)
    out[i].output_tokens_per_s *= 1 + 0.02 * std::log2(plans[i].micro_batching.max_num_batched_tokens / 512.0);
  return out;
}

void expect_not_beaten(const Request& request, const Evaluator& evaluator, const spec::Plan& best,
                       const std::vector<int>& partition) {
  Request pinned = request;
  pinned.partition = partition;
  const Result hand = searched(pinned, evaluator);
  if (!hand.feasible || hand.plans.empty() || hand.plans.front().verdict != spec::Verdict::fits) return;
  const spec::Workload& workload = request.workload;
  const double found = score(workload, best.predicted), by_hand = score(workload, hand.plans.front().predicted);
  const double width = workload.goal == spec::Goal::max_context ? 0 : no_difference;
  EXPECT_GE(found, by_hand * (1 - width) * (1 - 1e-12))
      << spec::name(workload.goal) << ": " << text(partition) << " beats " << text(best.partition);
}

void try_by_hand(RandomCase& random, const Request& request, const Evaluator& evaluator) {
  const Result result = searched(request, evaluator);
  if (!result.feasible) return;
  const int layers = static_cast<int>(request.model.layers.size());
  for (int tried = 0; tried < 12; ++tried)
    expect_not_beaten(request, evaluator, result.plans.front(), random.partition(layers, *request.pp));
}

TEST(NeverBeaten, RandomPartitionsByHandAreNotBetterThanTheBest) {
  RandomCase random(20);
  for (int repeat = 0; repeat < 60; ++repeat) try_by_hand(random, random.draw(), tests::as_analytic);
}

TEST(NeverBeaten, NorWhereTheSimulatorLikesOtherBatchesThanTheClosedForm) {
  RandomCase random(21);
  for (int repeat = 0; repeat < 30; ++repeat) {
    Request request = random.draw();
    request.workload.goal = spec::Goal::throughput;
    try_by_hand(random, request, with_larger_batches);
  }
}

/// Twelve layers over two stages; the first four take long in one time and the last four in the other.
PartitionProblem pulled_apart() {
  PartitionProblem problem;
  problem.kind = {0, 0};
  problem.layer_s = {{2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1}};
  problem.limited_s = {{1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2}};
  return problem;
}

TEST(TimeFront, HoldsWhatLiesBetweenTheTwoOptima) {
  const auto front = time_front(pulled_apart(), optimal_partition);
  // First times of the cuts behind 4 to 8 layers: 8, 9, 10, 11, 12, second ones 12, 11, 10, 9, 8; all other cuts have
  // more of both.
  EXPECT_EQ(front, (std::vector<std::vector<int>>{{4, 8}, {5, 7}, {6, 6}, {7, 5}, {8, 4}}));
}

TEST(TimeFront, NoPartitionHasBothLessOfTheFirstAndOfTheSecondTime) {
  RandomCase random(3);
  for (int repeat = 0; repeat < 200; ++repeat) {
    const int stages = random.whole(1, 4), layers = random.whole(stages, 12);
    PartitionProblem problem;
    problem.kind.assign(static_cast<std::size_t>(stages), 0);
    problem.layer_s.emplace_back();
    problem.limited_s.emplace_back();
    for (int l = 0; l < layers; ++l) {
      problem.layer_s.front().push_back(random.whole(1, 9));
      problem.limited_s.front().push_back(random.whole(1, 9));
    }
    const auto front = time_front(problem, optimal_partition);
    const std::vector<int> other = random.partition(layers, stages);
    EXPECT_TRUE(std::any_of(front.begin(), front.end(), [&](const std::vector<int>& it) {
      return bottleneck_s(problem, it) <= bottleneck_s(problem, other) &&
             limited_bottleneck_s(problem, it) <= limited_bottleneck_s(problem, other) * (1 + front_step);
    })) << text(other);
  }
}

}  // namespace
}  // namespace ppplan::search
