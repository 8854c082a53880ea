#include <gtest/gtest.h>

#include "planner/input/document.h"
#include "planner/search/partition.h"
#include "tests/shared_data.h"

namespace ppplan::search {
namespace {

TEST(GoldenPartition, EqualsTheOptimumOfEveryPublishedCaseAndIsNeverBeatenByOtherTools) {
  const auto path = tests::shared_file("golden/partitions.json");
  if (path.empty()) GTEST_SKIP() << "no golden data beside this checkout";
  const auto document = input::read_document(path);
  for (const auto& golden : document.root().at("cases").items()) {
    PartitionProblem problem;
    problem.layer_s.emplace_back();
    for (const auto& weight : golden.at("weights").items()) problem.layer_s.back().push_back(weight.number());
    problem.kind.assign(static_cast<std::size_t>(golden.at("P").count()), 0);
    const auto found = optimal_partition(problem);
    ASSERT_TRUE(found) << golden.pointer();
    EXPECT_EQ(found->bottleneck_s, golden.at("optimal_bottleneck").number()) << golden.pointer();
    EXPECT_EQ(found->bottleneck_s, bottleneck_s(problem, found->layers)) << golden.pointer();
    for (const auto& other : golden.at("others").items())
      EXPECT_LE(found->bottleneck_s, other.at("bottleneck").number()) << other.pointer();
  }
}

}  // namespace
}  // namespace ppplan::search
