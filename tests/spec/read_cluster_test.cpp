#include "planner/spec/read_cluster.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "planner/spec/plan_json.h"
#include "tests/spec/error_text.h"

namespace ppplan::spec {
namespace {

ClusterSpec cluster_of(const std::string& gpus, const std::string& nodes = "") {
  ClusterFlags flags;
  flags.gpus = gpus;
  flags.nodes = nodes;
  return read_cluster(flags);
}

std::string refusal(const ClusterFlags& flags) {
  return error_text([&] { read_cluster(flags); });
}

bool assumes(const ClusterSpec& cluster, const std::string& what) {
  return std::find(cluster.assumed.begin(), cluster.assumed.end(), what) != cluster.assumed.end();
}

LinkKind kind_between(const ClusterSpec& cluster, int a, int b) { return slowest_kind(cluster, route(cluster, a, b)); }

TEST(Gpus, ABareNumberIsOfTheNamedKind) {
  ClusterFlags flags;
  flags.gpus = "8";
  EXPECT_EQ(read_cluster(flags).devices.size(), 8U);
  EXPECT_EQ(read_cluster(flags).devices[7].name, "h100-sxm");
  flags.gpu = "l40s";
  EXPECT_EQ(read_cluster(flags).devices[0].name, "l40s");
}

TEST(Gpus, AListKeepsItsOrder) {
  const ClusterSpec cluster = cluster_of("2xrtx4090,1xrtx3090,rtx3060");
  ASSERT_EQ(cluster.devices.size(), 4U);
  EXPECT_EQ(cluster.devices[1].name, "rtx4090");
  EXPECT_EQ(cluster.devices[2].name, "rtx3090");
  EXPECT_EQ(cluster.devices[3].name, "rtx3060");
}

TEST(Gpus, HaveTheMemoryThatCudaReports) {
  // cudaMemGetInfo: an L4 has 22563 MiB, where nvidia-smi says 23034 and the box 24 GB; an H100 81081 MiB.
  EXPECT_EQ(cluster_of("1xl4").devices[0].memory_bytes, 22563LL << 20);
  EXPECT_EQ(cluster_of("1").devices[0].memory_bytes, 81081LL << 20);
  EXPECT_EQ(cluster_of("1").devices[0].free_bytes, 81081LL << 20);
  EXPECT_TRUE(assumes(cluster_of("1"), "free memory"));
}

TEST(Gpus, OfTheCatalogAreAllUsable) {
  for (const std::string& name : known_gpus()) {
    const ClusterSpec cluster = cluster_of(std::string("5x").append(name), "2,3");
    EXPECT_EQ(cluster.devices.size(), 5U) << name;
    EXPECT_EQ(kind_between(cluster, 0, 4), LinkKind::network) << name;
  }
}

TEST(Gpus, UnknownOnesAreRefusedWithTheNearestName) {
  ClusterFlags flags;
  flags.gpus = "2xrtx409";
  EXPECT_NE(refusal(flags).find("did you mean \"rtx4090\"?"), std::string::npos);
  flags.gpus = "2xv100";
  EXPECT_NE(refusal(flags).find("did you mean \"v100-"), std::string::npos) << "the name of a size is longer";
  flags.gpus = "2";
  flags.gpu = "h10-sxm";
  EXPECT_EQ(refusal(flags).find("--gpu: "), 0U);
}

TEST(Gpus, RefuseCountsOutOfRange) {
  for (const char* gpus :
       {"0", "-1", "99999", "999999999999", "0xl4", "", "2xl4,", ",2xl4", "4000xl4,4000xl4", "2 x l4", "2x"}) {
    ClusterFlags flags;
    flags.gpus = gpus;
    EXPECT_NE(refusal(flags), "") << gpus;
  }
}

TEST(Nodes, SplitEvenlyOrAsTold) {
  const auto sizes = [](const ClusterSpec& cluster) {
    std::vector<int> out;
    for (const Device& device : cluster.devices) {
      out.resize(std::max(out.size(), static_cast<std::size_t>(device.node) + 1));
      ++out[static_cast<std::size_t>(device.node)];
    }
    return out;
  };
  EXPECT_EQ(sizes(cluster_of("8")), (std::vector<int>{8}));
  EXPECT_EQ(sizes(cluster_of("8", "2")), (std::vector<int>{4, 4}));
  EXPECT_EQ(sizes(cluster_of("10", "4,4,2")), (std::vector<int>{4, 4, 2}));
  for (const char* nodes : {"3", "0", "9", "4,3", "4,4,4", "a", "4,", "-2", "8,0"}) {
    EXPECT_EQ(error_text([&] { cluster_of("8", nodes); }).find("--nodes: "), 0U) << nodes;
  }
}

TEST(Links, OfNvlinkCardsMeetInTheSwitch) {
  const ClusterSpec cluster = cluster_of("8");
  EXPECT_EQ(kind_between(cluster, 0, 7), LinkKind::nvlink);
  EXPECT_EQ(route(cluster, 0, 7).size(), 2U) << "a port each";
  EXPECT_DOUBLE_EQ(bandwidth_bytes_per_s(cluster, route(cluster, 0, 7)), 0.8 * 450e9);
  EXPECT_FALSE(assumes(cluster, "PCIe switches"));
}

TEST(Links, OfPcieCardsArePairedBelowSwitches) {
  const ClusterSpec cluster = cluster_of("4xl40s");
  EXPECT_EQ(route(cluster, 0, 1).size(), 2U);
  EXPECT_EQ(route(cluster, 0, 2).size(), 4U);
  EXPECT_EQ(route(cluster, 0, 2)[1], route(cluster, 1, 3)[1]) << "both leave over the same uplink";
  // 16 lanes of 1.969 GB/s, 82 % of which carry data.
  EXPECT_DOUBLE_EQ(bandwidth_bytes_per_s(cluster, route(cluster, 0, 2)), 1.969e9 * 16 * 0.82);
  EXPECT_TRUE(assumes(cluster, "PCIe switches"));
}

TEST(Links, OfCardsWithoutABridgeArePcie) {
  EXPECT_EQ(kind_between(cluster_of("2xa40"), 0, 1), LinkKind::pcie) << "a bridge is bought apart";
}

TEST(Links, OfBridgedCardsJoinPairs) {
  ClusterFlags flags;
  flags.gpus = "4xa40";
  flags.gpu_specs = {"a40:link=bridge"};
  const ClusterSpec cluster = read_cluster(flags);
  EXPECT_DOUBLE_EQ(bandwidth_bytes_per_s(cluster, route(cluster, 0, 1)), 0.8 * 56.25e9) << "NVLink 3, four links";
  EXPECT_EQ(kind_between(cluster, 0, 1), LinkKind::nvlink);
  EXPECT_EQ(kind_between(cluster, 1, 2), LinkKind::pcie);
  EXPECT_TRUE(assumes(cluster, "NVLink bridges"));
  flags.gpus = "1xa40,1xa30";
  flags.gpu_specs.emplace_back("a30:link=bridge");
  EXPECT_EQ(kind_between(read_cluster(flags), 0, 1), LinkKind::pcie) << "no bridge joins two kinds";
}

TEST(Links, OfCpuCoresAreMemory) {
  const ClusterSpec cluster = cluster_of("4xcpu-core");
  EXPECT_EQ(kind_between(cluster, 0, 3), LinkKind::memory);
  EXPECT_EQ(route(cluster, 0, 3).size(), 2U);
  EXPECT_TRUE(assumes(cluster, "rates and memory of cpu-core"));
  EXPECT_EQ(kind_between(cluster_of("2xl4,2xcpu-core"), 0, 3), LinkKind::pcie) << "cards and cores meet at the host";
}

TEST(Links, OfANodeShareItsNic) {
  const ClusterSpec cluster = cluster_of("16", "2");
  const auto first = route(cluster, 0, 8);
  const auto second = route(cluster, 5, 13);
  ASSERT_EQ(first.size(), 4U);
  EXPECT_EQ(first[1], second[1]);
  EXPECT_EQ(first[2], second[2]);
  EXPECT_TRUE(assumes(cluster, "network"));
  EXPECT_FALSE(assumes(cluster_of("16"), "network"));
}

TEST(Network, IsTakenAsTold) {
  ClusterFlags flags;
  flags.gpus = "4";
  flags.nodes = "2";
  flags.network = "bw=50GB/s,latency=3us";
  const ClusterSpec cluster = read_cluster(flags);
  EXPECT_EQ(bandwidth_bytes_per_s(cluster, route(cluster, 0, 2)), 50e9);
  EXPECT_FALSE(assumes(cluster, "network"));
  for (const char* text : {"", "bw", "latency=1us", "bw=fast", "bw=1GB/s,mtu=9000", "bw=0GB/s", "=1"}) {
    flags.network = text;
    EXPECT_EQ(refusal(flags).find("--network"), 0U) << text;
  }
}

TEST(GpuSpec, DescribesACard) {
  ClusterFlags flags;
  flags.gpus = "2xbig,1xl4";
  flags.gpu_specs = {"big:mem=48GiB,bw=936GB/s,bf16=142TFLOPS,fp8=284TFLOPS,link=nvlink300GB/s"};
  const ClusterSpec cluster = read_cluster(flags);
  const Device& device = cluster.devices[0];
  EXPECT_EQ(device.memory_bytes, 48LL << 30);
  EXPECT_EQ(device.memory_bytes_per_s, 936e9);
  EXPECT_EQ(device.fp16_flops_per_s, 142e12) << "as bf16 where it is not told";
  EXPECT_EQ(device.fp8_flops_per_s, 284e12);
  EXPECT_EQ(device.int8_flops_per_s, 0);
  EXPECT_EQ(bandwidth_bytes_per_s(cluster, route(cluster, 0, 1)), 300e9) << "taken as told";
  EXPECT_EQ(kind_between(cluster, 0, 2), LinkKind::pcie);
}

TEST(GpuSpec, OfAKnownCardChangesWhatItSays) {
  ClusterFlags flags;
  flags.gpus = "1xrtx4090";
  flags.gpu_specs = {"rtx4090:mem=47GiB"};
  const Device device = read_cluster(flags).devices[0];
  EXPECT_EQ(device.memory_bytes, 47LL << 30);
  EXPECT_EQ(device.memory_bytes_per_s, 1008e9);
  EXPECT_EQ(device.compute_capability, 89);
}

TEST(GpuSpec, MayNameTheComputeCapability) {
  ClusterFlags flags;
  flags.gpus = "1xbig";
  flags.gpu_specs = {"big:mem=48GiB,bw=936GB/s,bf16=142TFLOPS,cc=12.1"};
  EXPECT_EQ(read_cluster(flags).devices[0].compute_capability, 121);
}

TEST(GpuSpec, IsRefusedWithWhatIsWrong) {
  for (const char* text :
       {"", "x", "x:", ":mem=1GiB", "x:mem=1GiB,bw=1GB/s", "x:mem=1GiB,bf16=1TFLOPS", "x:bw=1GB/s,bf16=1TFLOPS",
        "x:mem=0GiB,bw=1GB/s,bf16=1TFLOPS", "x:mem=1GiB,mem=1GiB,bw=1GB/s,bf16=1TFLOPS",
        "x:mem=1GiB,bw=1GB/s,bf16=1TFLOPS,cores=3", "x:mem=1GiB,bw=1GB/s,bf16=1TFLOPS,link=usb",
        "x:mem=1GiB,bw=1GB/s,bf16=1TFLOPS,link=pcie9x16", "x:mem=1GiB,bw=1GB/s,bf16=1TFLOPS,link=pcie4x3",
        "x:mem=1GiB,bw=1GB/s,bf16=1TFLOPS,link=nvlink", "x:mem=1GiB,bw=1GB/s,bf16=1TFLOPS,link=bridge",
        "x:mem=1GiB,bw=1GB/s,bf16=1TFLOPS,cc=9", "x:mem=1GiB,bw=1GB/s,bf16=1TFLOPS,cc=0.5"}) {
    ClusterFlags flags;
    flags.gpus = "1xx";
    flags.gpu_specs = {text};
    EXPECT_EQ(refusal(flags).find("--gpu-spec"), 0U) << text << ": " << refusal(flags);
  }
}

TEST(Reserve, LessensFreeMemory) {
  ClusterFlags flags;
  flags.gpus = "2xrtx4090";
  flags.reserves = {"1=2GiB", "1=1GiB"};
  const ClusterSpec cluster = read_cluster(flags);
  EXPECT_EQ(cluster.devices[0].free_bytes, cluster.devices[0].memory_bytes);
  EXPECT_EQ(cluster.devices[1].free_bytes, cluster.devices[1].memory_bytes - (3LL << 30));
  for (const char* text : {"", "2=1GiB", "-1=1GiB", "x=1GiB", "0=25GiB", "0=", "0", "0=-1GiB"}) {
    flags.reserves = {text};
    EXPECT_EQ(refusal(flags).find("--reserve"), 0U) << text;
  }
}

TEST(ClusterFile, IsReadBackAsWritten) {
  for (const char* gpus : {"8", "4xl40s", "2xa40,2xl4,1xcpu-core", "2xmi300x"}) {
    const ClusterSpec cluster = cluster_of(gpus);
    const input::Document document(to_json(cluster), "cluster.json");
    EXPECT_EQ(cluster_from_json(document.root()), cluster) << gpus;
  }
}

TEST(ClusterFile, MayNameAKnownCardAlone) {
  const input::Document document = input::parse_document(R"({"format": "ppplan/cluster/1",
      "links": [{"name": "a", "kind": "pcie", "bandwidth_bytes_per_s": 2e10}, {"name": "b", "kind": "pcie", "bandwidth_bytes_per_s": 1e10}],
      "devices": [{"name": "l4", "paths": [{"meets": "host", "links": ["a"]}]},
                  {"name": "rtx4090", "free_bytes": 1000, "paths": [{"meets": "host", "links": ["b"]}]}]})",
                                                         "cluster.json");
  const ClusterSpec cluster = cluster_from_json(document.root());
  EXPECT_EQ(cluster.devices[0].memory_bytes, 22563LL << 20);
  EXPECT_EQ(cluster.devices[0].compute_capability, 89);
  EXPECT_EQ(cluster.devices[1].slot, 1) << "in the order of the document where it names no slots";
  EXPECT_EQ(cluster.devices[1].free_bytes, 1000);
  EXPECT_EQ(bandwidth_bytes_per_s(cluster, route(cluster, 0, 1)), 1e10);
}

}  // namespace
}  // namespace ppplan::spec
