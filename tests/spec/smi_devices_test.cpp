// From nvidia-smi's output to the devices of a cluster.
#include "planner/spec/smi_devices.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "planner/input/document.h"
#include "planner/spec/read_cluster.h"
#include "tests/spec/error_text.h"
#include "tests/spec/smi_samples.h"

namespace ppplan::spec {
namespace {

constexpr std::int64_t mebi = 1LL << 20;

std::string file_of(const std::string& name, const std::string& text) {
  const std::string path =
      (std::filesystem::path(testing::TempDir()) / ("ppplan_" + std::to_string(getpid()) + "_" + name)).string();
  input::write_text(path, text);
  return path;
}

ClusterFlags flags_from(const std::string& name, const std::string& text) {
  ClusterFlags flags;
  flags.gpus_from = file_of(name, text);
  return flags;
}

std::string refusal(const ClusterFlags& flags) {
  return error_text([&] { read_cluster(flags); });
}

GpuKind kind_of(const std::string& name, std::int64_t total_mib, bool cut = false) {
  SmiCard card;
  card.name = name;
  card.name_cut = cut;
  card.total_bytes = total_mib * mebi;
  card.place = "line 1";
  return smi_kind(card, {}, "smi.txt");
}

TEST(SmiNames, AreThoseOfTheCatalog) {
  for (const auto& [name, kind] : catalog_gpus())
    for (const std::string& printed : kind.reported_as)
      if (kind.nvidia_smi_bytes > 0) {
        EXPECT_EQ(kind_of(printed, kind.nvidia_smi_bytes / mebi).device.name, name) << printed;
      }
}

TEST(SmiNames, AreToldApartByMemory) {
  EXPECT_EQ(kind_of("NVIDIA GeForce RTX 3080", 10240).device.name, "rtx3080-10gb");
  EXPECT_EQ(kind_of("NVIDIA GeForce RTX 3080", 12288).device.name, "rtx3080-12gb");
  EXPECT_EQ(kind_of("Tesla V100-SXM2", 32768, true).device.name, "v100-32gb");
  EXPECT_EQ(kind_of("Tesla V100-SXM2", 16384, true).device.name, "v100-16gb");
  EXPECT_EQ(kind_of("GeForce RTX 309", 24576, true).device.name, "rtx3090");
  EXPECT_EQ(kind_of("NVIDIA GeForce RTX 309", 24564, true).device.name, "rtx3090ti");
}

TEST(SmiNames, IgnoreVendorsCaseAndSigns) {
  EXPECT_EQ(kind_of("GeForce RTX 3090", 24576).device.name, "rtx3090");
  EXPECT_EQ(kind_of("nvidia rtx a6000", 49140).device.name, "rtxa6000");
  EXPECT_EQ(kind_of("RTX 6000 Ada", 49140).device.name, "rtx6000ada");
}

TEST(SmiMemory, IsCudasTotalOfTheCatalog) {
  const GpuKind kind = kind_of("NVIDIA L4", 23034);
  EXPECT_EQ(kind.device.memory_bytes, 22563 * mebi);
  EXPECT_EQ(kind.assumed, std::vector<std::string>());
}

TEST(SmiMemory, OfAnotherSizeIsDerived) {
  // A 4090 rebuilt to 48 GB; an A6000 with ECC. The driver keeps 350 MiB and 0.22 %.
  EXPECT_NEAR(static_cast<double>(kind_of("NVIDIA GeForce RTX 4090", 49140).device.memory_bytes) / mebi,
              49140 - 350 - 0.0022 * 49140, 1);
  const GpuKind ecc = kind_of("NVIDIA RTX A6000", 46068);
  EXPECT_LT(ecc.device.memory_bytes, 46068 * mebi);
  EXPECT_EQ(ecc.assumed, std::vector<std::string>{"memory"});
}

TEST(SmiMemory, OfWhatIsUsedIsNotFree) {
  const std::string used =
      "name, memory.used [MiB], memory.total [MiB]\nNVIDIA GeForce RTX 3090, 1024 MiB, 24576 MiB\n";
  const Device device = read_cluster(flags_from("used.csv", used)).devices[0];
  EXPECT_EQ(device.free_bytes, device.memory_bytes - 1024 * mebi);
  const std::string nothing = "name\nNVIDIA GeForce RTX 3090\n";
  const ClusterSpec silent = read_cluster(flags_from("name.csv", nothing));
  EXPECT_EQ(silent.devices[0].free_bytes, silent.devices[0].memory_bytes);
  EXPECT_EQ(std::count(silent.assumed.begin(), silent.assumed.end(), "free memory"), 1);
}

TEST(GpusFrom, ListsTheMachineInBusOrder) {
  // The third name is cut and fits two cards of one size.
  std::string text = samples::table_580;
  const std::string cut = "NVIDIA RTX PRO 6000 Blac...";
  const std::string whole = "NVIDIA A40                 ";
  text.replace(text.find(cut), cut.size(), whole);
  const ClusterSpec cluster = read_cluster(flags_from("bus.txt", text));
  ASSERT_EQ(cluster.devices.size(), 3U);
  EXPECT_EQ(cluster.devices[0].name, "rtx3060");
  EXPECT_EQ(cluster.devices[1].name, "rtx3090");
  EXPECT_EQ(cluster.devices[1].slot, 1);
  EXPECT_EQ(cluster.devices[0].free_bytes, cluster.devices[0].memory_bytes - 512 * mebi);
  EXPECT_EQ(std::count(cluster.assumed.begin(), cluster.assumed.end(), "PCIe width of rtx3060"), 1);
  EXPECT_EQ(std::count(cluster.assumed.begin(), cluster.assumed.end(), "free memory"), 0);
}

TEST(GpusFrom, SetsThePcieRate) {
  const ClusterSpec cluster = read_cluster(flags_from("pcie.csv", samples::csv));
  // The 4090 idles at generation 1, so its own 4 counts, with 16 lanes; the 3090 has 4 lanes of generation 3.
  EXPECT_DOUBLE_EQ(bandwidth_bytes_per_s(cluster, {{0, true}}), 16 * 1.969e9 * 0.82);
  EXPECT_DOUBLE_EQ(bandwidth_bytes_per_s(cluster, route(cluster, 0, 1)), 4 * 9.85e8 * 0.82);
  EXPECT_EQ(cluster.devices[0].free_bytes, 23028 * mebi);
  EXPECT_EQ(std::count(cluster.assumed.begin(), cluster.assumed.end(), "PCIe generation of rtx4090"), 1);
}

TEST(GpusFrom, KeepsReserves) {
  ClusterFlags flags = flags_from("reserve.csv", samples::csv);
  flags.reserves = {"0=2GiB"};
  EXPECT_EQ(read_cluster(flags).devices[0].free_bytes, (23028 - 2048) * mebi);
}

TEST(GpusFrom, TakesDescribedCards) {
  ClusterFlags flags = flags_from("described.csv", "name, memory.total [MiB]\nNVIDIA GeForce GTX 1080 Ti, 11264\n");
  EXPECT_NE(refusal(flags).find("line 2"), std::string::npos) << refusal(flags);
  EXPECT_NE(refusal(flags).find("--gpu-spec 'gtx1080ti:"), std::string::npos) << refusal(flags);
  flags.gpu_specs = {"gtx1080ti:mem=11GiB,bw=484GB/s,fp16=11TFLOPS,cc=6.1"};
  const Device device = read_cluster(flags).devices[0];
  EXPECT_EQ(device.name, "gtx1080ti");
  EXPECT_LT(device.memory_bytes, 11264 * mebi);
  EXPECT_GT(device.memory_bytes, 10800 * mebi);
}

TEST(GpusFrom, RefusesWhatCannotBeUsed) {
  EXPECT_NE(refusal(flags_from("mig.txt", samples::table_mig)).find("MIG"), std::string::npos);
  EXPECT_NE(refusal(flags_from("lost.txt", samples::table_lost)).find("ERR!"), std::string::npos);
  const std::string cut = refusal(flags_from("cut.txt", samples::table_470));
  EXPECT_EQ(cut.find("NVIDIA GeForce"), std::string::npos) << "24576 MiB are those of one GeForce: " << cut;
  const std::string two = refusal(flags_from("two.txt", samples::table_580));
  EXPECT_NE(two.find("rtxpro6000, rtxpro6000-maxq"), std::string::npos) << two;
  EXPECT_NE(two.find("--query-gpu"), std::string::npos) << two;
}

TEST(GpusFrom, StandsAlone) {
  ClusterFlags flags = flags_from("alone.csv", samples::csv);
  flags.nodes = "2";
  EXPECT_EQ(refusal(flags).find("--gpus-from: "), 0U);
  flags.nodes = "1";
  EXPECT_EQ(refusal(flags), "");
  flags.gpus = "2xl4";
  EXPECT_EQ(refusal(flags).find("--gpus-from: "), 0U);
  flags.gpus = "1";
  flags.cluster_file = "cluster.json";
  EXPECT_EQ(refusal(flags).find("--cluster: "), 0U);
  ClusterFlags missing;
  missing.gpus_from = "no such file";
  EXPECT_NE(refusal(missing), "");
}

TEST(GpusFrom, LeavesUnifiedMemoryToTheCatalog) {
  const Device device = read_cluster(flags_from("gb10.txt", samples::table_gb10)).devices[0];
  EXPECT_EQ(device.memory_bytes, 122502 * mebi);
}

}  // namespace
}  // namespace ppplan::spec
