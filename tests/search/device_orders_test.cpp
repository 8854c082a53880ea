#include "planner/search/device_orders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "tests/search/small_case.h"

namespace ppplan::search {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using tests::cluster_of;
using tests::searched;
using tests::small_request;

constexpr std::size_t many = 10'000;

std::string names(const spec::ClusterSpec& cluster, const DeviceOrder& order) {
  std::string out;
  for (const int device : order) out += cluster.devices[static_cast<std::size_t>(device)].name.front();
  return out;
}

TEST(DeviceOrders, EqualCardsKeepTheGivenOrder) {
  EXPECT_THAT(device_orders(cluster_of({{"a", 4}}), {2, 2, 1}, many), ElementsAre(ElementsAre(0, 1, 2, 3)));
  // Equal nodes are alike too.
  EXPECT_THAT(device_orders(cluster_of({{"a", 8}}, 4), {4, 2, 1}, many), SizeIs(1));
}

TEST(DeviceOrders, UnequalCardsComeInEveryDistinctSequence) {
  // Three cards of which two are alike: 3! / 2! sequences.
  const spec::ClusterSpec cluster = cluster_of({{"a", 1}, {"b", 2}});
  std::set<std::string> sequences;
  for (const DeviceOrder& order : device_orders(cluster, {1, 3, 1}, many)) sequences.insert(names(cluster, order));
  EXPECT_THAT(sequences, ElementsAre("abb", "bab", "bba"));
}

TEST(DeviceOrders, TensorParallelGroupsLieOnEqualCards) {
  // Given as b a a b: only groups {1, 2} and {0, 3} are equal.
  spec::ClusterSpec cluster = cluster_of({{"b", 1}, {"a", 2}, {"b", 1}});
  const auto orders = device_orders(cluster, {2, 2, 1}, many);
  EXPECT_THAT(orders, testing::UnorderedElementsAre(ElementsAre(0, 3, 1, 2), ElementsAre(1, 2, 0, 3)));
  EXPECT_THAT(group_fault(cluster, {2, 2, 1}, given_order({2, 2, 1}), false), HasSubstr("devices 0 and 1"));
  EXPECT_THAT(device_orders(cluster_of({{"a", 1}, {"b", 1}}), {2, 1, 1}, many), IsEmpty());
}

TEST(DeviceOrders, StagesVisitEachNodeOnce) {
  // Nodes of a b | a b: two different cards each; 4 sequences with the nodes in either order would be 8, but the nodes
  // are alike, so 2 x 2 remain.
  const spec::ClusterSpec cluster = cluster_of({{"a", 1}, {"b", 1}, {"a", 1}, {"b", 1}}, 2);
  const auto orders = device_orders(cluster, {1, 4, 1}, many);
  EXPECT_THAT(orders, SizeIs(4));
  for (const DeviceOrder& order : orders) {
    EXPECT_EQ(cluster.devices[static_cast<std::size_t>(order[0])].node,
              cluster.devices[static_cast<std::size_t>(order[1])].node);
    EXPECT_NE(cluster.devices[static_cast<std::size_t>(order[1])].node,
              cluster.devices[static_cast<std::size_t>(order[2])].node);
  }
}

TEST(DeviceOrders, ManyKindsStayWithinTheLimitAndVaryTheEnds) {
  std::vector<tests::Cards> cards;
  for (int i = 0; i < 9; ++i) cards.push_back({std::string(1, static_cast<char>('a' + i)), 1, 4.0 + i});
  const spec::ClusterSpec cluster = cluster_of(cards);
  const auto orders = device_orders(cluster, {1, 9, 1}, 200);
  EXPECT_LE(orders.size(), 200U);
  std::set<std::pair<int, int>> ends;
  for (const DeviceOrder& order : orders) ends.emplace(order.front(), order.back());
  EXPECT_EQ(ends.size(), 72U);  // 9 x 8
}

TEST(DeviceOrders, AreDistinctPlacementsOfDistinctDevices) {
  std::mt19937 random(20261124);
  const auto whole = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  for (int round = 0; round < 300; ++round) {
    const spec::ClusterSpec cluster =
        cluster_of({{"a", whole(1, 4)}, {"b", whole(1, 3), 4}, {"c", whole(1, 2), 6}}, whole(0, 1) ? 3 : 0);
    const spec::Parallel parallel{whole(1, 2), whole(1, 3), whole(1, 2)};
    const auto orders = device_orders(cluster, parallel, 100);
    const std::set<DeviceOrder> distinct(orders.begin(), orders.end());
    EXPECT_EQ(distinct.size(), orders.size());
    for (const DeviceOrder& order : orders) {
      EXPECT_EQ(order.size(), static_cast<std::size_t>(parallel.tp * parallel.pp * parallel.dp));
      EXPECT_EQ(std::set<int>(order.begin(), order.end()).size(), order.size());
      EXPECT_EQ(group_fault(cluster, parallel, order, false), "");
    }
  }
}

TEST(DeviceOrders, TheSearchPutsTheLargeCardWhereTheEndsAre) {
  // Cards of 0.5 and 2 GiB, one each: the model's ends (embedding and head of 31 MiB each) and layers of 6.6 MiB fit on
  // the small card in either place, but it holds more KV tokens the fewer of the layers it has; both orders are tried.
  Request request = small_request(cluster_of({{"small", 1, 0.5}, {"big", 1, 2}}));
  request.pp = 2;
  request.workload.goal = spec::Goal::max_context;
  const Result result = searched(request);
  ASSERT_FALSE(result.plans.empty());
  const spec::Plan& best = result.plans.front();
  Request kept = request;
  kept.keep_order = true;
  const Result given = searched(kept);
  EXPECT_GE(best.predicted.kv_tokens, given.plans.front().predicted.kv_tokens);
}

}  // namespace
}  // namespace ppplan::search
