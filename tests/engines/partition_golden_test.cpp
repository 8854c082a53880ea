#include <gtest/gtest.h>

#include <fstream>

#include "planner/engines/vllm_partition.h"
#include "planner/input/document.h"
#include "tests/shared_data.h"

namespace ppplan::engines {
namespace {

using input::Node;

/// One row: num_layers,pp_size,"a,b,...".
struct Row {
  int layers = 0;
  int stages = 0;
  std::string partition;
};

std::vector<Row> rows_of(const std::string& path) {
  std::ifstream in(path);
  std::vector<Row> rows;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    const auto first = line.find(',');
    const auto second = line.find(',', first + 1);
    std::string partition = line.substr(second + 1);
    std::erase_if(partition, [](char c) { return c == '"' || c == '\r'; });
    rows.push_back({std::stoi(line), std::stoi(line.substr(first + 1)), partition});
  }
  return rows;
}

void expect_equal(const std::string& name, std::vector<int> (*split)(int, int)) {
  const auto path = tests::shared_file("golden/" + name);
  if (path.empty()) GTEST_SKIP() << "no golden data beside this checkout";
  const auto rows = rows_of(path);
  ASSERT_GT(rows.size(), 100U);
  for (const Row& row : rows)
    EXPECT_EQ(partition_text(split(row.layers, row.stages)), row.partition)
        << row.layers << " layers, " << row.stages << " stages";
}

TEST(DefaultPartition, EqualsVllmsOwn) {
  expect_equal("vllm_default_partition.csv", [](int layers, int stages) { return default_partition(layers, stages); });
}

TEST(DefaultPartition, EqualsVllmsOwnBeforeRelease08) {
  expect_equal("vllm_pre_0_8_partition.csv", default_partition_before_0_8);
}

TEST(PartitionVariable, IsReadAndRefusedAsVllmDoes) {
  const auto path = tests::shared_file("golden/vllm_partition_env.json");
  if (path.empty()) GTEST_SKIP() << "no golden data beside this checkout";
  const input::Document document = input::read_document(path);
  const auto cases = document.root().items();
  ASSERT_GT(cases.size(), 10U);
  for (const Node& item : cases) {
    const std::string value = item.at("env").text();
    const ParsedPartition parsed = parse_partition(value, item.at("num_layers").count(0), item.at("pp_size").count());
    if (item.at("ok").boolean()) {
      std::vector<int> sizes;
      for (const Node& size : item.at("sizes").items()) sizes.push_back(size.count(-1000));
      EXPECT_EQ(parsed.layers, sizes) << value;
      EXPECT_EQ(parsed.error, "") << value;
    } else {
      EXPECT_EQ(parsed.error, item.at("error").text()) << value;
    }
  }
}

}  // namespace
}  // namespace ppplan::engines
