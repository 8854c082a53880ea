// A program of its own: the catalog is read once a process.
#include <gtest/gtest.h>

#include <filesystem>

#include "planner/catalog/catalog.h"
#include "planner/spec/read_cluster.h"
#include "planner/spec/read_model.h"
#include "tests/spec/error_text.h"

namespace ppplan::spec {
namespace {

TEST(DataFolder, TakesPrecedenceFileByFile) {
  EXPECT_EQ(error_text([] { catalog::set_data_folder("no such folder"); }),
            "--data: expected a folder, found \"no such folder\"");
  const auto folder = std::filesystem::path(testing::TempDir()) / "ppplan_data_folder";
  std::filesystem::create_directories(folder);
  input::write_text((folder / "gpus.json").string(), R"({
    "links": {"nvlink_efficiency": 1, "nvlink_latency_s": 0, "pcie_bytes_per_s_per_lane": {"4": 2e9}, "pcie_efficiency": 0.5,
              "pcie_latency_s": 0, "network_bytes_per_s": 1e9, "network_latency_s": 0, "memory_latency_s": 0},
    "gpus": [{"name": "mine", "memory_bytes": 1000, "memory_bytes_per_s": 1e9, "bf16_flops_per_s": 1e12,
              "link": {"pcie": "4x16"}}]})");
  catalog::set_data_folder(folder.string());
  EXPECT_EQ(known_gpus(), (std::vector<std::string>{"mine"}));
  ClusterFlags flags;
  flags.gpus = "2xmine";
  const ClusterSpec cluster = read_cluster(flags);
  EXPECT_EQ(bandwidth_bytes_per_s(cluster, route(cluster, 0, 1)), 16 * 2e9 * 0.5);
  EXPECT_EQ(read_model("llama70b").layers.size(), 80U) << "the models still come from the binary";
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace ppplan::spec
