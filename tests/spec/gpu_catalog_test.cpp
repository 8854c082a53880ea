// What the catalog of cards promises of every entry.
#include <gtest/gtest.h>

#include <algorithm>

#include "planner/catalog/catalog.h"
#include "planner/input/input_error.h"
#include "planner/spec/fields.h"
#include "planner/spec/gpu_kind.h"
#include "planner/spec/read_cluster.h"

namespace ppplan::spec {
namespace {

TEST(GpuCatalog, HoldsTheCardsThatPeopleName) {
  const auto& known = catalog_gpus();
  EXPECT_GE(known.size(), 45U);
  for (const char* name : {"h100-sxm",      "h100-pcie",
                           "h100-nvl",      "h200",
                           "h20",           "b200",
                           "gb200",         "a100-sxm-80gb",
                           "a100-sxm-40gb", "a100-pcie-80gb",
                           "a40",           "a30",
                           "a10",           "l4",
                           "l40s",          "t4",
                           "v100-32gb",     "rtx3060",
                           "rtx3090",       "rtx3090ti",
                           "rtx4090",       "rtx5070ti",
                           "rtx5090",       "rtx5090d",
                           "rtxa6000",      "rtx6000ada",
                           "rtxpro4500",    "rtxpro5000",
                           "rtxpro6000",    "gb10",
                           "mi300x",        "cpu-core"})
    EXPECT_TRUE(known.contains(name)) << name;
}

TEST(GpuCatalog, GivesEveryFigureItsSource) {
  for (const input::Node& gpu : catalog::gpus().root().at("gpus").items()) {
    for (const char* group : {"memory", "rates"}) EXPECT_GT(gpu.at("sources").at(group).text().size(), 10U);
    for (const char* figure : {"memory_bytes", "memory_bytes_per_s", "link", "compute_capability"}) gpu.at(figure);
  }
}

TEST(GpuCatalog, KeepsLessThanNvidiaSmiSays) {
  for (const auto& [name, kind] : catalog_gpus()) {
    if (kind.nvidia_smi_bytes == 0) continue;
    const double kept = static_cast<double>(kind.nvidia_smi_bytes - kind.device.memory_bytes) / (1LL << 20);
    EXPECT_GT(kept, 100) << name;
    EXPECT_LT(kept, 1200) << name;
    const double typical = static_cast<double>(kind.nvidia_smi_bytes - cuda_bytes(kind.nvidia_smi_bytes)) / (1LL << 20);
    const bool seen = std::find(kind.assumed.begin(), kind.assumed.end(), "memory") == kind.assumed.end();
    if (seen && kind.device.compute_capability >= 70) {
      EXPECT_NEAR(kept, typical, 250) << name;
    }
  }
}

TEST(GpuCatalog, HasFormatsThatItsArchitectureHas) {
  for (const auto& [name, kind] : catalog_gpus()) {
    const Device& device = kind.device;
    const int capability = device.compute_capability;
    if (capability == 0) continue;
    EXPECT_EQ(device.bf16_flops_per_s > 0, capability >= 80) << name;
    EXPECT_EQ(device.fp8_flops_per_s > 0, capability >= 89) << name;
    EXPECT_EQ(device.fp4_flops_per_s > 0, capability >= 100) << name;
    EXPECT_GT(device.fp16_flops_per_s, 0) << name;
    if (capability >= 80) {
      EXPECT_EQ(device.bf16_flops_per_s, device.fp16_flops_per_s) << name;
    }
    if (capability >= 89) {
      EXPECT_NEAR(device.fp8_flops_per_s / device.fp16_flops_per_s, 2, 0.03) << name;
    }
  }
}

TEST(GpuCatalog, HasNvlinksThatItsArchitectureHas) {
  for (const auto& [name, kind] : catalog_gpus()) {
    const int capability = kind.device.compute_capability;
    const double rate = std::max(kind.attachment.nvlink_bytes_per_s, kind.attachment.optional_bridge_bytes_per_s);
    if (capability == 0 || rate == 0) continue;
    const NvlinkRate link = nvlink_rate(capability);
    EXPECT_LE(rate, link.links * link.bytes_per_s_per_link * link_defaults().nvlink_efficiency * (1 + 1e-9)) << name;
  }
}

TEST(GpuCatalog, KnowsCardsByTheNamesThatPeopleType) {
  EXPECT_EQ(catalog_gpu("h100", "").device.name, "h100-sxm");
  EXPECT_EQ(catalog_gpu("A100-80GB", "").device.name, "a100-sxm-80gb");
  EXPECT_EQ(catalog_gpu("RTX 4090", "").device.name, "rtx4090");
  EXPECT_THROW(catalog_gpu("a100", ""), input::InputError);  // of 40 GB or of 80?
  for (const auto& [name, kind] : catalog_gpus())
    for (const std::string& other : kind.called) EXPECT_EQ(catalog_gpu(other, "").device.name, name) << other;
}

TEST(GpuCatalog, ReadsPcieAndCapability) {
  EXPECT_EQ(catalog_gpu("rtx5060ti-16gb", "").attachment.pcie_lanes, 8);
  EXPECT_EQ(catalog_gpu("rtx5060ti-16gb", "").attachment.pcie_generation, 5);
  EXPECT_EQ(catalog_gpu("b200", "").device.compute_capability, 100);
  EXPECT_EQ(catalog_gpu("mi300x", "").architecture, "gfx942");
  EXPECT_EQ(catalog_gpu("mi300x", "").device.compute_capability, 0);
}

TEST(GpuCatalog, PcieRatesDoubleByGeneration) {
  for (const char* lanes : {"x1", "x4", "x16"})
    for (int generation = 2; generation <= 5; ++generation)
      EXPECT_NEAR(pcie_bytes_per_s(std::to_string(generation + 1) + lanes, "") /
                      pcie_bytes_per_s(std::to_string(generation) + lanes, ""),
                  2, 0.1);
}

}  // namespace
}  // namespace ppplan::spec
