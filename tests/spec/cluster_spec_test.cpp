#include "planner/spec/cluster_spec.h"

#include <gtest/gtest.h>

#include <limits>

#include "planner/spec/read_cluster.h"
#include "tests/spec/error_text.h"

namespace ppplan::spec {
namespace {

/// Four cards: 0 and 1 below one switch, 2 and 3 below another, both switches on the host; link 6 is the NIC.
ClusterSpec two_switches() {
  ClusterSpec cluster;
  for (int i = 0; i < 4; ++i) cluster.links.push_back({"gpu" + std::to_string(i), LinkKind::pcie, 20e9, 1e-6, false});
  cluster.links.push_back({"switch0", LinkKind::pcie, 10e9, 2e-6, false});
  cluster.links.push_back({"switch1", LinkKind::pcie, 10e9, 2e-6, false});
  for (int i = 0; i < 4; ++i) {
    Device device;
    device.name = "card";
    device.memory_bytes = device.free_bytes = 1 << 30;
    device.memory_bytes_per_s = 1e12;
    device.bf16_flops_per_s = 1e14;
    device.paths.push_back({"host", {i, 4 + i / 2}});
    cluster.devices.push_back(device);
  }
  return cluster;
}

TEST(Route, LeavesOutWhatBothEndsShareAtTheTop) {
  const ClusterSpec cluster = two_switches();
  EXPECT_EQ(route(cluster, 0, 1), (std::vector<Hop>{{0, true}, {1, false}}));
  EXPECT_EQ(route(cluster, 0, 3), (std::vector<Hop>{{0, true}, {4, true}, {5, false}, {3, false}}));
  EXPECT_TRUE(route(cluster, 2, 2).empty());
}

TEST(Route, TakesTheSendersFirstMeetingPoint) {
  ClusterSpec cluster = two_switches();
  cluster.links.push_back({"bridge0", LinkKind::nvlink, 40e9, 0, false});
  cluster.links.push_back({"bridge1", LinkKind::nvlink, 40e9, 0, false});
  cluster.devices[0].paths.insert(cluster.devices[0].paths.begin(), {"bridge", {6}});
  cluster.devices[1].paths.push_back({"bridge", {7}});
  EXPECT_EQ(route(cluster, 0, 1), (std::vector<Hop>{{6, true}, {7, false}}));
  EXPECT_EQ(route(cluster, 1, 0), (std::vector<Hop>{{1, true}, {0, false}})) << "device 1 prefers the host";
}

TEST(Route, HasTheBandwidthOfItsSlowestLink) {
  const ClusterSpec cluster = two_switches();
  EXPECT_EQ(bandwidth_bytes_per_s(cluster, route(cluster, 0, 1)), 20e9);
  EXPECT_EQ(bandwidth_bytes_per_s(cluster, route(cluster, 0, 2)), 10e9);
  EXPECT_EQ(bandwidth_bytes_per_s(cluster, {}), std::numeric_limits<double>::infinity());
  EXPECT_DOUBLE_EQ(latency_s(cluster, route(cluster, 0, 2)), 6e-6);
}

TEST(Route, NamesItsSlowestKind) {
  ClusterSpec cluster = two_switches();
  EXPECT_EQ(slowest_kind(cluster, route(cluster, 0, 2)), LinkKind::pcie);
  cluster.links[4].kind = LinkKind::network;
  EXPECT_EQ(slowest_kind(cluster, route(cluster, 0, 2)), LinkKind::network);
  EXPECT_EQ(slowest_kind(cluster, {}), LinkKind::memory);
}

TEST(Route, NeedsAMeetingPoint) {
  ClusterSpec cluster = two_switches();
  cluster.devices[3].paths[0].meets = "elsewhere";
  EXPECT_NE(error_text([&] { route(cluster, 0, 3); }).find("no meeting point"), std::string::npos);
}

template <typename Change>
std::string refusal(const Change& change) {
  ClusterSpec cluster = two_switches();
  change(cluster);
  return error_text([&] { validate(cluster, "file"); });
}

TEST(ValidCluster, IsAccepted) {
  EXPECT_EQ(refusal([](ClusterSpec&) {}), "");
  EXPECT_EQ(refusal([](ClusterSpec& cluster) {
              cluster.devices.resize(1);
              cluster.devices[0].paths.clear();
            }),
            "")
      << "one device has nobody to reach";
}

TEST(ValidCluster, NamesThePlaceOfWhatIsWrong) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto expect = [](const std::string& sentence, const std::string& place) {
    EXPECT_EQ(sentence.find("file: " + place), 0U) << sentence;
  };
  expect(refusal([](ClusterSpec& c) { c.devices.clear(); }), "/devices:");
  expect(refusal([](ClusterSpec& c) { c.devices[1].paths[0].links = {1, 17}; }), "/devices/1/paths/0/links/1:");
  expect(refusal([](ClusterSpec& c) { c.devices[1].paths[0].links = {-1}; }), "/devices/1/paths/0/links/0:");
  expect(refusal([](ClusterSpec& c) { c.devices[1].paths[0].links = {1, 1}; }), "/devices/1/paths/0/links/1:");
  expect(refusal([](ClusterSpec& c) { c.devices[2].paths[0].meets = "x"; }), "/devices/");
  expect(refusal([](ClusterSpec& c) { c.devices[2].memory_bytes = 0; }), "/devices/2/memory_bytes:");
  expect(refusal([](ClusterSpec& c) { c.devices[2].free_bytes = c.devices[2].memory_bytes + 1; }),
         "/devices/2/free_bytes:");
  expect(refusal([&](ClusterSpec& c) { c.devices[2].memory_bytes_per_s = nan; }), "/devices/2/memory_bytes_per_s:");
  expect(refusal([](ClusterSpec& c) { c.devices[2].bf16_flops_per_s = 0; }), "/devices/2/bf16_flops_per_s:");
  expect(refusal([](ClusterSpec& c) { c.devices[2].fp8_flops_per_s = -1; }), "/devices/2/fp8_flops_per_s:");
  expect(refusal([](ClusterSpec& c) { c.links[3].bandwidth_bytes_per_s = 0; }), "/links/3/bandwidth_bytes_per_s:");
  expect(refusal([&](ClusterSpec& c) { c.links[3].latency_s = nan; }), "/links/3/latency_s:");
  expect(refusal([](ClusterSpec& c) { c.links[3].name = "gpu0"; }), "/links/3/name:");
}

}  // namespace
}  // namespace ppplan::spec
