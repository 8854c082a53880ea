// The memory table that check prints adds up, whatever the version counts where.
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "tests/tools/command.h"

namespace ppplan::tests {
namespace {

struct Column {
  double budget = 0, taken = 0, kv = 0, outside = 0, graphs_outside = 0;
};

/// The first stage's figures of the table.
Column first_stage(const std::string& text) {
  Column out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.size() < 22) continue;
    const std::string head = line.substr(0, 14);
    const double value = std::atof(line.substr(14, 8).c_str());
    if (head.starts_with("budget")) out.budget = value;
    if (head.starts_with("- ")) out.taken += value;
    if (head.starts_with("= KV")) out.kv = value;
    if (head.starts_with("outside")) out.outside = value;
    if (head.starts_with("of it graphs")) out.graphs_outside = value;
  }
  return out;
}

TEST(MemoryTable, BudgetLessItsPartsIsTheCache) {
  int beside = 0, inside = 0;
  for (const char* model : {"llama8b", "Qwen/Qwen3-30B-A3B"})
    for (const char* version : {"0.8.5", "0.11", "0.19", "0.22", "0.28"}) {
      const Outcome outcome =
          ppplan(std::string("check --gpus 4xl40s --tp 2 --pp 2 --model ") + model + " --vllm " + version);
      ASSERT_TRUE(outcome.status == 0 || outcome.status == 3) << outcome.err;
      const Column column = first_stage(outcome.out);
      EXPECT_GT(column.budget, 0) << outcome.out;
      EXPECT_NEAR(column.budget - column.taken, column.kv, 0.005 * 8) << model << " " << version;  // eight rounded rows
      EXPECT_GE(column.outside, column.graphs_outside);
      (column.graphs_outside > 0 ? beside : inside) += 1;
    }
  EXPECT_GT(beside, 0);
  EXPECT_GT(inside, 0);
}

}  // namespace
}  // namespace ppplan::tests
