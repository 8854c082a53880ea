#include <gtest/gtest.h>

#include "planner/engines/rank_groups.h"
#include "planner/input/document.h"
#include "tests/shared_data.h"

namespace ppplan::engines {
namespace {

using input::Node;

Groups groups_of(const Node& node) {
  Groups out;
  for (const Node& group : node.items()) {
    out.emplace_back();
    for (const Node& rank : group.items()) out.back().push_back(rank.count(0));
  }
  return out;
}

TEST(RankGroups, EqualVllmsOwn) {
  const auto path = tests::shared_file("golden/vllm_rank_groups.json");
  if (path.empty()) GTEST_SKIP() << "no golden data beside this checkout";
  const input::Document document = input::read_document(path);
  const auto cases = document.root().items();
  ASSERT_GT(cases.size(), 10U);
  for (const Node& item : cases) {
    const RankLayout layout{item.at("ext_dp").count(), item.at("dp").count(), item.at("pp").count(),
                            item.at("pcp").count(), item.at("tp").count()};
    const Node groups = item.at("groups");
    const RankGroups expected{groups_of(groups.at("TP")), groups_of(groups.at("PCP")), groups_of(groups.at("PP")),
                              groups_of(groups.at("DP")), groups_of(groups.at("EP"))};
    EXPECT_EQ(rank_groups(layout), expected) << item.pointer();
    const Node neighbours = item.at("pp_prev_next");
    for (const std::string& rank : neighbours.keys()) {
      const auto ends = neighbours.at(rank).items();
      EXPECT_EQ(pipeline_neighbours(layout, std::stoi(rank)), (PipelineNeighbours{ends[0].count(0), ends[1].count(0)}))
          << item.pointer() << " rank " << rank;
    }
    EXPECT_EQ(output_rank(layout), item.at("output_rank_within_dp").count(0)) << item.pointer();
  }
}

}  // namespace
}  // namespace ppplan::engines
