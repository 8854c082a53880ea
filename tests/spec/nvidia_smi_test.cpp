#include "planner/spec/nvidia_smi.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/spec/error_text.h"
#include "tests/spec/smi_samples.h"

namespace ppplan::spec {
namespace {

constexpr std::int64_t mebi = 1LL << 20;

std::string refusal(const std::string& text) {
  return error_text([&] { read_nvidia_smi(text, "smi.txt"); });
}

TEST(NvidiaSmiTable, OfOldDriversIsRead) {
  const auto cards = read_nvidia_smi(samples::table_418, "smi.txt");
  ASSERT_EQ(cards.size(), 2U);
  const SmiCard& old_domain = cards[0].index == 1 ? cards[0] : cards[1];
  const SmiCard& volta = cards[0].index == 0 ? cards[0] : cards[1];
  EXPECT_EQ(volta.name, "Tesla V100-SXM2");
  EXPECT_TRUE(volta.name_cut);
  EXPECT_EQ(volta.total_bytes, 32768 * mebi);
  EXPECT_EQ(volta.used_bytes, 11 * mebi);
  EXPECT_EQ(old_domain.name, "GeForce RTX 208");
  EXPECT_EQ(old_domain.bus_id, "0000:0a:00.0");
}

TEST(NvidiaSmiTable, OfThreeLinesIsRead) {
  const auto cards = read_nvidia_smi(samples::table_470, "smi.txt");
  ASSERT_EQ(cards.size(), 2U);
  EXPECT_EQ(cards[0].name, "NVIDIA GeForce");
  EXPECT_EQ(cards[1].name, "NVIDIA A40");
  EXPECT_FALSE(cards[1].name_cut);
  EXPECT_EQ(cards[1].place, "line 13");
  EXPECT_FALSE(cards[1].free_bytes) << "the table tells what is used";
}

TEST(NvidiaSmiTable, IsSortedByBus) {
  const auto cards = read_nvidia_smi(samples::table_580, "smi.txt");
  ASSERT_EQ(cards.size(), 3U);
  EXPECT_EQ(cards[0].name, "NVIDIA GeForce RTX 3060") << "bus 05 before bus 0b";
  EXPECT_EQ(cards[1].name, "NVIDIA GeForce RTX 3090");
  EXPECT_EQ(cards[2].name, "NVIDIA RTX PRO 6000 Blac");
  EXPECT_FALSE(cards[2].mig);
}

TEST(NvidiaSmiTable, TellsOfMigAndErrors) {
  const auto mig = read_nvidia_smi(samples::table_mig, "smi.txt");
  ASSERT_EQ(mig.size(), 1U) << "instances are no cards";
  EXPECT_TRUE(mig[0].mig);
  EXPECT_EQ(mig[0].total_bytes, 81920 * mebi);
  EXPECT_TRUE(read_nvidia_smi(samples::table_lost, "smi.txt")[0].memory_error);
  EXPECT_FALSE(read_nvidia_smi(samples::table_gb10, "smi.txt")[0].total_bytes);
  EXPECT_EQ(read_nvidia_smi(samples::table_wddm, "smi.txt")[0].name, "NVIDIA GeForce RTX 4090");
}

TEST(NvidiaSmiCsv, IsReadByItsHeader) {
  const auto cards = read_nvidia_smi(samples::csv, "smi.csv");
  ASSERT_EQ(cards.size(), 2U);
  EXPECT_EQ(cards[0].name, "NVIDIA GeForce RTX 4090");
  EXPECT_EQ(cards[0].total_bytes, 24564 * mebi);
  EXPECT_EQ(cards[0].free_bytes, 23028 * mebi);
  EXPECT_EQ(cards[0].pcie_generation, 1);
  EXPECT_TRUE(cards[0].pcie_may_be_idle);
  EXPECT_EQ(cards[1].pcie_lanes, 4);
}

TEST(NvidiaSmiCsv, TakesAnyColumnsInAnyOrder) {
  const auto cards = read_nvidia_smi(
      "$ nvidia-smi --query-gpu=... --format=csv,nounits\n"
      "uuid, memory.used [MiB], compute_cap, name, memory.total [MiB], pcie.link.gen.max, pcie.link.gen.current, "
      "pcie.link.width.max, temperature.gpu\n"
      "GPU-1, 100, 8.9, NVIDIA L4, 23034, 4, 1, 16, [N/A]\n",
      "smi.csv");
  ASSERT_EQ(cards.size(), 1U);
  EXPECT_EQ(cards[0].used_bytes, 100 * mebi);
  EXPECT_EQ(cards[0].compute_capability, 89);
  EXPECT_EQ(cards[0].pcie_generation, 4) << "the greatest, whatever the idle card does";
  EXPECT_FALSE(cards[0].pcie_may_be_idle);
  EXPECT_EQ(cards[0].pcie_lanes, 16);
}

TEST(NvidiaSmiCsv, WithoutHeaderIsTheDocumentedQuery) {
  const auto cards = read_nvidia_smi("0, NVIDIA L4, 23034 MiB, 22000 MiB, 00000000:01:00.0, 4, 8\n", "smi.csv");
  EXPECT_EQ(cards[0].free_bytes, 22000 * mebi);
  EXPECT_EQ(cards[0].pcie_lanes, 8);
  EXPECT_EQ(read_nvidia_smi("0, NVIDIA L4\n1, NVIDIA L4\n", "smi.csv").size(), 2U);
  EXPECT_NE(refusal("NVIDIA L4, 0, 23034 MiB\n"), "");
  EXPECT_NE(refusal("0, NVIDIA L4, 23034 MiB, 22000 MiB, 4, 8\n"), "") << "the fifth column is the bus id";
}

TEST(NvidiaSmi, NamesTheLineOfWhatIsWrong) {
  EXPECT_EQ(refusal("").find("smi.txt: "), 0U);
  EXPECT_EQ(refusal("no such thing\n").find("smi.txt: line 1: "), 0U) << refusal("no such thing\n");
  EXPECT_EQ(refusal("name, index\nA, 0\nB, 0\n").find("smi.txt: line 3: "), 0U);
  EXPECT_EQ(refusal("name, memory.total [MiB]\nA, many\n").find("smi.txt: line 2: "), 0U);
  EXPECT_EQ(refusal("name, memory.total, memory.free\nA, 5, 6\n").find("smi.txt: line 2: "), 0U);
  EXPECT_EQ(refusal("name, name\nA, A\n").find("smi.txt: line 1: "), 0U);
  EXPECT_EQ(refusal("name, index\nA\n").find("smi.txt: line 2: "), 0U);
  std::string many = "name\n";
  for (int i = 0; i < 65; ++i) many += "NVIDIA L4\n";
  EXPECT_NE(refusal(many).find("at most 64 cards"), std::string::npos);
}

/// Random cards printed as nvidia-smi of three generations does, names cut where they do not fit.
class Printed {
 public:
  explicit Printed(unsigned seed) : random_(seed) {
    const char* const names[] = {"NVIDIA GeForce RTX 3090", "NVIDIA H100 80GB HBM3", "Tesla T4",
                                 "NVIDIA RTX 6000 Ada Generation", "NVIDIA A100-SXM4-80GB"};
    for (unsigned i = 0, count = 1 + random_() % 8; i < count; ++i) {
      SmiCard card;
      card.index = static_cast<int>(i);
      card.name = names[random_() % 5];
      card.total_bytes = static_cast<std::int64_t>(1024 + random_() % 200000) * mebi;
      card.used_bytes = static_cast<std::int64_t>(random_() % 1024) * mebi;
      char bus[20];
      std::snprintf(bus, sizeof bus, "00000000:%02x:00.0", 1 + 3 * i);
      card.bus_id = bus;
      cards.push_back(card);
    }
  }

  std::string table(std::size_t name_width) {
    std::string out = "| NVIDIA-SMI 535.54.03   Driver Version: 535.54.03 |\n";
    for (SmiCard& card : cards) {
      std::string name = card.name;
      if (name.size() > name_width) {
        name = name.substr(0, name_width - 3) + "...";
        card.name = name.substr(0, name_width - 3);
        card.name_cut = true;
        while (card.name.ends_with(' ')) card.name.pop_back();
      }
      name.resize(name_width, ' ');
      out += "|   " + std::to_string(card.index) + "  " + name + "  Off | " + card.bus_id + " Off |        Off |\n";
      out += "| N/A   30C    P8    9W / 70W | " + std::to_string(*card.used_bytes / mebi) + "MiB / " +
             std::to_string(*card.total_bytes / mebi) + "MiB |  0%  Default |\n|        |        |      N/A |\n+---+\n";
    }
    return out;
  }

  std::string csv(bool units) const {
    std::string out = "name, memory.used [MiB], pci.bus_id, index, memory.total [MiB]\n";
    const std::string unit = units ? " MiB" : "";
    for (const SmiCard& card : cards)
      out += card.name + ", " + std::to_string(*card.used_bytes / mebi) + unit + ", " + card.bus_id + ", " +
             std::to_string(card.index) + ", " + std::to_string(*card.total_bytes / mebi) + unit + "\n";
    return out;
  }

  std::vector<SmiCard> cards;

 private:
  std::mt19937 random_;
};

TEST(NvidiaSmi, ReadsBackWhatWasPrinted) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    Printed printed(seed);
    for (const bool units : {true, false}) {
      auto read = read_nvidia_smi(printed.csv(units), "smi.csv");
      for (SmiCard& card : read) card.place.clear();
      EXPECT_EQ(read, printed.cards) << printed.csv(units);
    }
    const std::string table = printed.table(seed % 2 == 0 ? 19 : 27);
    auto read = read_nvidia_smi(table, "smi.txt");
    for (SmiCard& card : read) card.place.clear();
    EXPECT_EQ(read, printed.cards) << table;
  }
}

}  // namespace
}  // namespace ppplan::spec
