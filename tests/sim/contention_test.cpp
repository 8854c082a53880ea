// Contention on hardware that is shared, derived by hand.
#include <gtest/gtest.h>

#include <array>
#include <stdexcept>

#include "sim/simulate.h"
#include "tests/sim/clusters.h"

namespace ppplan::sim {
namespace {

using schedule::Schedule;
using spec::ClusterSpec;
using tests::add_link;
using tests::device_on;
using traces::OpKind;

Schedule devices(std::vector<std::vector<int>> members, int receive_buffers = 0) {
  Schedule schedule;
  schedule.receive_buffers = receive_buffers;
  for (auto& ranks : members)
    schedule.devices.push_back(
        {std::string(1, static_cast<char>('a' + schedule.devices.size())), std::move(ranks), {schedule::Lane{}}});
  return schedule;
}

schedule::TransferIds transfer(Schedule& schedule, int from, int to, std::int64_t bytes, double seconds = 0,
                               int micro_batch = 0) {
  const traces::OpKey key{.kind = OpKind::send, .stage = from, .micro_batch = micro_batch};
  return add_transfer(schedule, from, to, key, seconds, bytes, {});
}

traces::Timeline simulate_one(const Schedule& schedule, const ClusterSpec& cluster) {
  return simulate(std::array{schedule}, cluster).at(0);
}

traces::Span send_of(const traces::Timeline& timeline, int from, int micro_batch = 0) {
  for (const traces::Span& span : timeline.spans)
    if (span.device == from && span.key.kind == OpKind::send && span.key.micro_batch == micro_batch) return span;
  throw std::out_of_range("no such send");
}

constexpr std::int64_t gigabyte = 1'000'000'000;
constexpr double tolerance_s = 1e-9;

TEST(Contention, OneTransferTakesItsLatencyAndItsBytes) {
  Schedule schedule = devices({{0}, {1}});
  transfer(schedule, 0, 1, gigabyte, 0.25);
  const traces::Span span = send_of(simulate_one(schedule, tests::switched(2, 1e9)), 0);
  EXPECT_EQ(span.start_s, 0);
  EXPECT_NEAR(span.end_s, 1.25, tolerance_s);
}

/// Devices 0 and 1 in one node, 2 and 3 in another, each node with a NIC of 1 GB/s, and ports of 10 GB/s inside.
ClusterSpec two_nodes() {
  ClusterSpec cluster;
  const int nics[] = {add_link(cluster, 1e9), add_link(cluster, 1e9)};
  for (int k = 0; k < 4; ++k) {
    const int port = add_link(cluster, 10e9);
    cluster.devices.push_back(device_on({{"host" + std::to_string(k / 2), {port}}, {"network", {port, nics[k / 2]}}}));
  }
  return cluster;
}

TEST(Contention, TwoFlowsShareANic) {
  // 1 GB and 2 GB from one node to the other: both at 0.5 GB/s until the first ends at 2 s, then the second has 1 GB/s
  // for its last 1 GB: 3 s.
  Schedule schedule = devices({{0}, {1}, {2}, {3}});
  transfer(schedule, 0, 2, gigabyte);
  transfer(schedule, 1, 3, 2 * gigabyte);
  const traces::Timeline timeline = simulate_one(schedule, two_nodes());
  EXPECT_NEAR(send_of(timeline, 0).end_s, 2, tolerance_s);
  EXPECT_NEAR(send_of(timeline, 1).end_s, 3, tolerance_s);
}

TEST(Contention, TrafficInsideANodeLeavesTheNicAlone) {
  // 10 GB between neighbours at 10 GB/s and 1 GB over the NIC from another port: 1 s each.
  Schedule schedule = devices({{0}, {1}, {2}, {3}});
  transfer(schedule, 0, 1, 10 * gigabyte);
  transfer(schedule, 3, 0, gigabyte);
  const traces::Timeline timeline = simulate_one(schedule, two_nodes());
  // Into port 1 and into port 0: no link direction is shared.
  EXPECT_NEAR(send_of(timeline, 0).end_s, 1, tolerance_s);
  EXPECT_NEAR(send_of(timeline, 3).end_s, 1, tolerance_s);
}

TEST(Contention, OppositeDirectionsOfAFullDuplexLinkDoNotShare) {
  Schedule schedule = devices({{0}, {1}});
  transfer(schedule, 0, 1, gigabyte);
  transfer(schedule, 1, 0, gigabyte);
  const traces::Timeline full = simulate_one(schedule, tests::switched(2, 1e9));
  EXPECT_NEAR(send_of(full, 0).end_s, 1, tolerance_s);
  EXPECT_NEAR(send_of(full, 1).end_s, 1, tolerance_s);
}

TEST(Contention, DirectionsOfAHalfDuplexLinkShare) {
  // Both directions take part of one 1 GB/s: 2 s.
  Schedule schedule = devices({{0}, {1}});
  transfer(schedule, 0, 1, gigabyte);
  transfer(schedule, 1, 0, gigabyte);
  const traces::Timeline half = simulate_one(schedule, tests::switched(2, 1e9, true));
  EXPECT_NEAR(send_of(half, 0).end_s, 2, tolerance_s);
  EXPECT_NEAR(send_of(half, 1).end_s, 2, tolerance_s);
}

/// Two PCIe switches with two cards each: lanes of 2 GB/s, uplinks of 2 GB/s to the host bridge.
ClusterSpec pcie_pairs() {
  ClusterSpec cluster;
  const int uplinks[] = {add_link(cluster, 2e9), add_link(cluster, 2e9)};
  for (int k = 0; k < 4; ++k)
    cluster.devices.push_back(device_on({{"host", {add_link(cluster, 2e9), uplinks[k / 2]}}}));
  return cluster;
}

TEST(Contention, CardsBelowOneSwitchDoNotCrossItsUplink) {
  // 0 to 1 stays below the switch: 2 GB at 2 GB/s in 1 s, although 1 to 2 fills the uplink meanwhile (lane 1 up, not
  // down).
  Schedule schedule = devices({{0}, {1}, {2}, {3}});
  transfer(schedule, 0, 1, 2 * gigabyte);
  transfer(schedule, 1, 2, 2 * gigabyte);
  const traces::Timeline timeline = simulate_one(schedule, pcie_pairs());
  EXPECT_NEAR(send_of(timeline, 0).end_s, 1, tolerance_s);
  EXPECT_NEAR(send_of(timeline, 1).end_s, 1, tolerance_s);
}

TEST(Contention, CardsOfOnePairShareTheirUplink) {
  // Both cards of the first pair send 2 GB to the second pair: 1 GB/s each through the uplink, 2 s.
  Schedule schedule = devices({{0}, {1}, {2}, {3}});
  transfer(schedule, 0, 2, 2 * gigabyte);
  transfer(schedule, 1, 3, 2 * gigabyte);
  const traces::Timeline timeline = simulate_one(schedule, pcie_pairs());
  EXPECT_NEAR(send_of(timeline, 0).end_s, 2, tolerance_s);
  EXPECT_NEAR(send_of(timeline, 1).end_s, 2, tolerance_s);
}

TEST(Contention, ATensorParallelGroupSendsAShareARank) {
  // 2 GB between groups of two with ports of 1 GB/s each: 1 GB a rank, 1 s.
  Schedule schedule = devices({{0, 1}, {2, 3}});
  transfer(schedule, 0, 1, 2 * gigabyte);
  EXPECT_NEAR(send_of(simulate_one(schedule, tests::switched(4, 1e9)), 0).end_s, 1, tolerance_s);
  // Through one NIC of 1 GB/s a node both shares go together: 2 s.
  EXPECT_NEAR(send_of(simulate_one(schedule, two_nodes()), 0).end_s, 2, tolerance_s);
}

TEST(Contention, GroupsOfDifferentSizePairByIndexModulo) {
  // One rank to a group of three: three flows of 1 GB leave one port of 1 GB/s: 3 s. The other way round the same port
  // takes three in: 3 s.
  Schedule schedule = devices({{0}, {1, 2, 3}});
  transfer(schedule, 0, 1, 3 * gigabyte);
  transfer(schedule, 1, 0, 3 * gigabyte);
  const traces::Timeline timeline = simulate_one(schedule, tests::switched(4, 1e9));
  EXPECT_NEAR(send_of(timeline, 0).end_s, 3, tolerance_s);
  EXPECT_NEAR(send_of(timeline, 1).end_s, 3, tolerance_s);
}

TEST(Contention, ReplicasContend) {
  // Two pipelines over the NIC at once take twice as long as one.
  Schedule schedule = devices({{0}, {2}, {1}, {3}});
  transfer(schedule, 0, 1, gigabyte);
  const traces::OpKey key{.kind = OpKind::send, .stage = 0, .micro_batch = 0, .replica = 1};
  add_transfer(schedule, 2, 3, key, 0, gigabyte, {});
  EXPECT_NEAR(traces::makespan_s(simulate_one(schedule, two_nodes())), 2, tolerance_s);
}

TEST(Contention, FlowsOfOneDeviceMoveForNothing) {
  // Both stages on device 0: only the latency is left.
  Schedule schedule = devices({{0}, {0}});
  transfer(schedule, 0, 1, gigabyte, 0.125);
  EXPECT_EQ(send_of(simulate_one(schedule, tests::switched(1, 1e9)), 0).end_s, 0.125);
}

TEST(Contention, LatencyIsSharedWithNobody) {
  // Two transfers of latency 0.5 s over one NIC: latencies together [0, 0.5), then 0.5 GB each in 1 s.
  Schedule schedule = devices({{0}, {1}, {2}, {3}});
  transfer(schedule, 0, 2, gigabyte / 2, 0.5);
  transfer(schedule, 1, 3, gigabyte / 2, 0.5);
  EXPECT_NEAR(traces::makespan_s(simulate_one(schedule, two_nodes())), 1.5, tolerance_s);
}

TEST(Contention, ReceiveBuffersCoupleTheSenderToTheConsumer) {
  // Transfers of 1 s, consumers of 3 s. One buffer: [0,1) compute [1,4) [4,5) [5,8). Two: the second transfer goes at
  // once, the third waits for the first consumer: [4,5).
  const auto third_transfer = [](int buffers) {
    Schedule schedule = devices({{0}, {1}}, buffers);
    for (int k = 0; k < 3; ++k) {
      const auto ids = transfer(schedule, 0, 1, gigabyte, 0, k);
      add_compute(schedule, 1, {.stage = 1, .micro_batch = k}, 3, {ids.recv});
    }
    const traces::Timeline timeline = simulate_one(schedule, tests::switched(2, 1e9));
    return std::pair(send_of(timeline, 0, 1).start_s, send_of(timeline, 0, 2).start_s);
  };
  EXPECT_NEAR(third_transfer(1).first, 4, tolerance_s);
  EXPECT_NEAR(third_transfer(1).second, 8, tolerance_s);
  EXPECT_NEAR(third_transfer(2).first, 1, tolerance_s);
  EXPECT_NEAR(third_transfer(2).second, 4, tolerance_s);
  EXPECT_NEAR(third_transfer(0).second, 2, tolerance_s);
}

TEST(Contention, ATransferWaitsForItsReceiver) {
  Schedule schedule = devices({{0}, {1}});
  const schedule::OpId busy = add_compute(schedule, 1, {.stage = 1}, 2, {});
  const auto ids = transfer(schedule, 0, 1, gigabyte);
  schedule.ops[static_cast<std::size_t>(ids.recv)].after = {busy};
  const traces::Span span = send_of(simulate_one(schedule, tests::switched(2, 1e9)), 0);
  EXPECT_NEAR(span.start_s, 2, tolerance_s);
  EXPECT_NEAR(span.end_s, 3, tolerance_s);
}

}  // namespace
}  // namespace ppplan::sim
