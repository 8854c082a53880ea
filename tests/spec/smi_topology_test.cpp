#include "planner/spec/smi_topology.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "planner/input/document.h"
#include "planner/spec/read_cluster.h"
#include "tests/spec/error_text.h"
#include "tests/spec/smi_samples.h"

namespace ppplan::spec {
namespace {

std::string printed(const std::vector<std::vector<std::string>>& codes, const std::vector<std::string>& tail) {
  std::string out = "\t";
  for (std::size_t i = 0; i < codes.size(); ++i) out += "GPU" + std::to_string(i) + "\t";
  out += "CPU Affinity\tNUMA Affinity\n";
  for (std::size_t i = 0; i < codes.size(); ++i) {
    out += "GPU" + std::to_string(i);
    for (const std::string& code : codes[i]) out += "\t" + code;
    out += "\t0-15\t" + tail[i] + "\n";
  }
  return out;
}

/// All pairs alike.
std::string uniform(std::size_t gpus, const std::string& code) {
  std::vector<std::vector<std::string>> codes(gpus, std::vector<std::string>(gpus, code));
  for (std::size_t i = 0; i < gpus; ++i) codes[i][i] = "X";
  return printed(codes, std::vector<std::string>(gpus, "0"));
}

ClusterSpec cluster_of(const std::string& gpus, const std::string& topology, const std::string& nodes = "") {
  static int number = 0;
  const auto path = std::filesystem::path(testing::TempDir()) /
                    ("ppplan_topo_" + std::to_string(getpid()) + "_" + std::to_string(number++));
  input::write_text(path.string(), topology);
  ClusterFlags flags;
  flags.gpus = gpus;
  flags.nodes = nodes;
  flags.topology_file = path.string();
  return read_cluster(flags);
}

std::string refusal(const std::string& text) {
  return error_text([&] { read_smi_topology(text, "topo.txt"); });
}

TEST(SmiTopology, SkipsNicsLegendsAndEscapes) {
  const SmiTopology topology = read_smi_topology(samples::topo_pcie, "topo.txt");
  ASSERT_EQ(topology.between.size(), 4U);
  EXPECT_EQ(topology.between[0][1], (Connection{Nearness::pix, 0}));
  EXPECT_EQ(topology.between[1][2], (Connection{Nearness::sys, 0}));
  EXPECT_EQ(topology.numa_node, (std::vector<int>{0, 0, 1, 1}));
}

TEST(SmiTopology, ReadsBackWhatWasPrinted) {
  std::mt19937 random(7);
  const std::vector<std::pair<std::string, Connection>> all = {
      {"PIX", {Nearness::pix, 0}},     {"PXB", {Nearness::pxb, 0}}, {"PHB", {Nearness::phb, 0}},
      {"NODE", {Nearness::node, 0}},   {"SYS", {Nearness::sys, 0}}, {"NV1", {Nearness::nvlink, 1}},
      {"NV18", {Nearness::nvlink, 18}}};
  for (int round = 0; round < 200; ++round) {
    const std::size_t gpus = 1 + random() % 16;
    SmiTopology expected;
    expected.between.assign(gpus, std::vector<Connection>(gpus));
    std::vector<std::vector<std::string>> codes(gpus, std::vector<std::string>(gpus, "X"));
    std::vector<std::string> numa;
    for (std::size_t a = 0; a < gpus; ++a) {
      expected.numa_node.push_back(static_cast<int>(random() % 3) - 1);
      numa.push_back(expected.numa_node[a] < 0 ? "N/A" : std::to_string(expected.numa_node[a]));
      for (std::size_t b = 0; b < a; ++b) {
        const auto& [code, connection] = all[random() % all.size()];
        codes[a][b] = codes[b][a] = code;
        expected.between[a][b] = expected.between[b][a] = connection;
      }
    }
    EXPECT_EQ(read_smi_topology(printed(codes, numa), "topo.txt"), expected);
  }
}

TEST(SmiTopology, RefusesWhatIsNoMatrix) {
  EXPECT_NE(refusal("").find("topo.txt: "), std::string::npos);
  EXPECT_NE(refusal("GPU0 GPU1\nGPU0 X PIX\n").find("a row for each"), std::string::npos);
  EXPECT_NE(refusal("GPU0 GPU1\nGPU0 X\nGPU1 PIX X\n").find("line 2"), std::string::npos);
  EXPECT_NE(refusal("GPU0 GPU1\nGPU0 X PIX\nGPU1 SYS X\n").find("both ways"), std::string::npos);
  EXPECT_NE(refusal("GPU0 GPU1\nGPU0 X ABC\nGPU1 SYS X\n").find("\"ABC\""), std::string::npos);
  EXPECT_NE(refusal("GPU0 GPU1\nGPU1 X PIX\nGPU0 PIX X\n").find("the row of GPU0"), std::string::npos);
  std::string wide;
  for (int i = 0; i < 65; ++i) wide += "GPU" + std::to_string(i) + " ";
  EXPECT_NE(refusal(wide + "\n").find("at most 64"), std::string::npos);
}

TEST(Topology, OfPcieSharesSwitchesAndTheSocketLink) {
  const ClusterSpec cluster = cluster_of("4xrtx4090", samples::topo_pcie);
  EXPECT_EQ(route(cluster, 0, 1).size(), 2U) << "below one switch";
  const auto across = route(cluster, 0, 2);
  const auto beside = route(cluster, 1, 3);
  ASSERT_EQ(across.size(), 6U) << "card, switch, socket and the same down";
  EXPECT_EQ(across[1], beside[1]) << "one uplink";
  EXPECT_EQ(across[2], beside[2]) << "one link between the CPUs";
  EXPECT_DOUBLE_EQ(bandwidth_bytes_per_s(cluster, across), 2e10);
  EXPECT_EQ(std::count(cluster.assumed.begin(), cluster.assumed.end(), "link between CPUs"), 1);
  EXPECT_EQ(std::count(cluster.assumed.begin(), cluster.assumed.end(), "PCIe switches"), 0);
}

TEST(Topology, OfTheHostBridgeSharesNothing) {
  const ClusterSpec cluster = cluster_of("4xrtx4090", uniform(4, "PHB"));
  EXPECT_EQ(route(cluster, 0, 3).size(), 2U);
  EXPECT_EQ(route(cluster, 0, 3)[0].link, 0);
}

TEST(Topology, OfSeveralBridgesSharesThePortOfTheCpu) {
  // 0 and 1 below one switch, 2 behind another one on the same port; 3 on its own port.
  const std::vector<std::vector<std::string>> codes = {
      {"X", "PIX", "PXB", "PHB"}, {"PIX", "X", "PXB", "PHB"}, {"PXB", "PXB", "X", "PHB"}, {"PHB", "PHB", "PHB", "X"}};
  const ClusterSpec cluster = cluster_of("4xl40s", printed(codes, {"0", "0", "0", "0"}));
  EXPECT_EQ(route(cluster, 0, 1).size(), 2U);
  EXPECT_EQ(route(cluster, 0, 2).size(), 3U) << "up to the second bridge and down to card 2";
  EXPECT_EQ(route(cluster, 0, 3).size(), 4U);
  EXPECT_EQ(route(cluster, 2, 3)[1], route(cluster, 0, 3)[2]) << "the port is shared";
}

TEST(Topology, OfNvswitchIsASwitch) {
  for (const auto& [gpu, code, rate] :
       {std::tuple("h100-sxm", "NV18", 450e9), std::tuple("a100-sxm-80gb", "NV12", 300e9),
        std::tuple("h800", "NV8", 200e9), std::tuple("b200", "NV18", 900e9)}) {
    const ClusterSpec cluster = cluster_of(std::string("8x") + gpu, uniform(8, code));
    EXPECT_DOUBLE_EQ(bandwidth_bytes_per_s(cluster, route(cluster, 0, 7)), 0.8 * rate) << gpu;
    EXPECT_EQ(route(cluster, 0, 7)[0], route(cluster, 0, 3)[0]) << "one port a card";
  }
}

TEST(Topology, OfDirectLinksIsAMeshOfPairs) {
  // Four A100 on one board: 12 links each, four to every other.
  const ClusterSpec cluster = cluster_of("4xa100-sxm-40gb", uniform(4, "NV4"));
  EXPECT_DOUBLE_EQ(bandwidth_bytes_per_s(cluster, route(cluster, 0, 3)), 0.8 * 4 * 25e9);
  EXPECT_NE(route(cluster, 0, 3)[0], route(cluster, 0, 2)[0]) << "links of their own";
}

TEST(Topology, OfBridgesJoinsPairs) {
  const ClusterSpec cluster = cluster_of("4xrtxa6000", samples::topo_bridges);
  EXPECT_EQ(slowest_kind(cluster, route(cluster, 0, 1)), LinkKind::nvlink);
  EXPECT_DOUBLE_EQ(bandwidth_bytes_per_s(cluster, route(cluster, 2, 3)), 0.8 * 56.25e9);
  EXPECT_EQ(slowest_kind(cluster, route(cluster, 1, 2)), LinkKind::pcie);
}

TEST(Topology, IsOfEachNode) {
  const ClusterSpec cluster = cluster_of("8xrtxa6000", samples::topo_bridges, "2");
  EXPECT_EQ(slowest_kind(cluster, route(cluster, 4, 5)), LinkKind::nvlink);
  EXPECT_EQ(slowest_kind(cluster, route(cluster, 0, 4)), LinkKind::network);
  EXPECT_EQ(cluster.devices[5].slot, 1);
  EXPECT_EQ(error_text([] { cluster_of("8xrtxa6000", samples::topo_bridges); }).find("--topo: "), 0U);
  EXPECT_EQ(error_text([] { cluster_of("4xcpu-core", samples::topo_bridges); }).find("--topo: "), 0U);
}

}  // namespace
}  // namespace ppplan::spec
