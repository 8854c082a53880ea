// Damaged output of nvidia-smi is read or refused, and nothing else.
#include <gtest/gtest.h>

#include "planner/input/input_error.h"
#include "planner/spec/smi_devices.h"
#include "planner/spec/smi_topology.h"
#include "planner/spec/wire_topology.h"
#include "tests/input/damage.h"
#include "tests/spec/smi_samples.h"

namespace ppplan::spec {
namespace {

template <typename Action>
void expect_value_or_input_error(const Action& action, const std::string& text) {
  try {
    action();
  } catch (const input::InputError& error) {
    EXPECT_NE(std::string(error.what()), "") << text;
  } catch (const std::exception& error) {
    ADD_FAILURE() << "threw something else: " << error.what() << "\n" << text;
  }
}

TEST(SmiDamage, OfCardsIsReadOrRefused) {
  tests::Random random(11);
  const std::string* const texts[] = {&samples::table_418,  &samples::table_470,  &samples::table_580,
                                      &samples::table_mig,  &samples::table_wddm, &samples::table_gb10,
                                      &samples::table_lost, &samples::csv};
  for (const std::string* text : texts)
    for (int round = 0; round < 600; ++round) {
      const std::string damaged = tests::damaged_text(*text, random);
      expect_value_or_input_error(
          [&] {
            const auto cards = read_nvidia_smi(damaged, "smi.txt");
            EXPECT_LE(cards.size(), 64U);
            const SmiDevices devices = smi_devices(cards, {}, "smi.txt");
            for (const GpuKind& kind : devices.kinds) {
              EXPECT_GT(kind.device.memory_bytes, 0);
              EXPECT_GE(kind.device.free_bytes, 0);
              EXPECT_LE(kind.device.free_bytes, kind.device.memory_bytes);
            }
          },
          damaged);
    }
}

TEST(SmiDamage, OfTopologyIsReadOrRefused) {
  tests::Random random(12);
  const GpuKind card = catalog_gpu("rtxa6000", "");
  for (const std::string* text : {&samples::topo_pcie, &samples::topo_bridges})
    for (int round = 0; round < 2000; ++round) {
      const std::string damaged = tests::damaged_text(*text, random);
      expect_value_or_input_error(
          [&] {
            const SmiTopology topology = read_smi_topology(damaged, "topo.txt");
            const auto gpus = static_cast<int>(topology.between.size());
            const std::vector<GpuKind> kinds(topology.between.size(), card);
            const ClusterSpec cluster = wire_topology(kinds, {gpus}, {}, topology);
            validate(cluster, "topo.txt");
            for (int a = 0; a < gpus; ++a) EXPECT_GE(latency_s(cluster, route(cluster, a, gpus - 1)), 0);
          },
          damaged);
    }
}

TEST(SmiDamage, OfSizeIsRefused) {
  const std::string huge(5U << 20, 'x');
  const std::string lines(3U << 20, '\n');
  const std::string commas = "name" + std::string(3U << 20, ',');
  const std::string bars = "NVIDIA-SMI\n" + std::string(60000, '|') + "\n";
  for (const std::string* text : {&huge, &lines, &commas, &bars}) {
    expect_value_or_input_error([&] { read_nvidia_smi(*text, "smi.txt"); }, "large");
    expect_value_or_input_error([&] { read_smi_topology(*text, "topo.txt"); }, "large");
  }
}

}  // namespace
}  // namespace ppplan::spec
