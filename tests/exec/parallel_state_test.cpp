#include "exec/groups/parallel_state.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "exec/groups/part_world.h"
#include "exec/groups/thread_world.h"
#include "planner/engines/rank_groups.h"
#include "planner/input/document.h"
#include "planner/input/input_error.h"
#include "tests/exec/tcp_launch.h"
#include "tests/shared_data.h"

namespace ppplan::tests {
namespace {

using exec::Group;
using exec::groups::Axis;
using exec::groups::ParallelLayout;
using exec::groups::ParallelState;
using exec::groups::pipeline_edges;
using exec::groups::RankLists;
using exec::groups::StageEdge;
using exec::groups::World;
using testing::ElementsAre;

constexpr double patience_s = 60;

ParallelLayout layout_of(const engines::RankLayout& sizes, const std::vector<StageEdge>& edges) {
  const engines::RankGroups groups = engines::rank_groups(sizes);
  return {{groups.tp, groups.pcp, groups.pp, groups.dp, groups.ep}, edges};
}

/// The ranks of the run that a group connects, told by the group itself.
std::vector<int> members(Group& group, int rank) {
  std::vector<int> out(static_cast<std::size_t>(group.size()));
  group.all_gather(std::as_bytes(std::span(&rank, 1)), std::as_writable_bytes(std::span(out)));
  return out;
}

std::vector<int> expected_members(const RankLists& lists, int rank) {
  for (const auto& ranks : lists)
    if (std::find(ranks.begin(), ranks.end(), rank) != ranks.end()) return ranks;
  return {};
}

RankLists lists_of(const input::Node& node) {
  RankLists out;
  for (const input::Node& group : node.items()) {
    out.emplace_back();
    for (const input::Node& rank : group.items()) out.back().push_back(rank.count(0));
  }
  return out;
}

TEST(ParallelState, ConnectsTheRanksThatVllmConnects) {
  const auto path = shared_file("golden/vllm_rank_groups.json");
  if (path.empty()) GTEST_SKIP() << "no golden data beside this checkout";
  const input::Document document = input::read_document(path);
  int checked = 0;
  for (const input::Node& item : document.root().items()) {
    const int world_size = item.at("world").count();
    if (world_size > 16) continue;  // a thread for each rank
    ++checked;
    const engines::RankLayout sizes{item.at("ext_dp").count(), item.at("dp").count(), item.at("pp").count(),
                                    item.at("pcp").count(), item.at("tp").count()};
    const input::Node golden = item.at("groups");
    const std::vector<std::pair<Axis, RankLists>> axes = {{Axis::tp, lists_of(golden.at("TP"))},
                                                          {Axis::pcp, lists_of(golden.at("PCP"))},
                                                          {Axis::pp, lists_of(golden.at("PP"))},
                                                          {Axis::dp, lists_of(golden.at("DP"))},
                                                          {Axis::ep, lists_of(golden.at("EP"))}};
    const auto outcomes = thread_launch().run(world_size, patience_s, [&](World& world) {
      ParallelState state(world, layout_of(sizes, pipeline_edges(sizes.pp, true, true)));
      state.warm_up();
      for (const auto& [axis, lists] : axes)
        expect(members(state.group(axis), world.rank()) == expected_members(lists, world.rank()), "a group differs");
      state.tear_down();
    });
    EXPECT_EQ(outcomes, Outcomes(static_cast<std::size_t>(world_size))) << item.pointer();
  }
  EXPECT_GT(checked, 5);
}

/// Every edge carries its own message at once, also where two edges join the same ranks.
void use_edges(World& world, int stages) {
  const auto edges = pipeline_edges(stages, true, true);
  ParallelState state(world, layout_of({.dp = world.size() / stages, .pp = stages}, edges));
  state.warm_up();
  const int stage = state.group(Axis::pp).rank();
  std::vector<int> numbers(edges.size());
  std::vector<std::unique_ptr<exec::Pending>> pendings;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const std::span number(&numbers[i], 1);
    if (edges[i].from == stage) {
      numbers[i] = static_cast<int>(i);
      pendings.push_back(state.edge(edges[i]).isend(std::as_bytes(number), 1));
    } else if (edges[i].to == stage) {
      pendings.push_back(state.edge(edges[i]).irecv(std::as_writable_bytes(number), 0));
    }
  }
  while (!pendings.empty()) {
    pendings.back()->wait();
    pendings.pop_back();
  }
  for (std::size_t i = 0; i < edges.size(); ++i)
    expect(edges[i].to != stage || numbers[i] == static_cast<int>(i), "an edge carries another edge's message");
  state.tear_down();
}

TEST(ParallelState, EdgesOfPipelinesWarmUpAndAreApartOnEveryTransport) {
  for (const Launch& launch : {thread_launch(), tcp_thread_launch(), tcp_process_launch()})
    for (int stages : {2, 3, 4})
      EXPECT_EQ(launch.run(stages, patience_s, [&](World& world) { use_edges(world, stages); }),
                Outcomes(static_cast<std::size_t>(stages)))
          << launch.name << ", " << stages << " stages";
  EXPECT_EQ(thread_launch().run(10, patience_s, [](World& world) { use_edges(world, 5); }), Outcomes(10));
}

TEST(ParallelState, IsMadeAgainOnTheSameRanksInAnotherLayout) {
  const auto outcomes = thread_launch().run(4, patience_s, [](World& world) {
    for (const engines::RankLayout& sizes : {engines::RankLayout{.pp = 2, .tp = 2}, {.pp = 4}, {.tp = 4}}) {
      ParallelState state(world, layout_of(sizes, pipeline_edges(sizes.pp, false, true)));
      state.warm_up();
      expect(state.group(Axis::tp).size() == sizes.tp && state.group(Axis::pp).size() == sizes.pp, "sizes differ");
      state.tear_down();
    }
  });
  EXPECT_EQ(outcomes, Outcomes(4));
}

TEST(PartWorld, PartsOfARunGoTheirOwnWays) {
  for (const Launch& launch : {thread_launch(), tcp_thread_launch()})
    EXPECT_EQ(
        launch.run(6, patience_s,
                   [](World& world) {
                     exec::groups::PartWorld part(world, world.rank() / 2 * 2, 2);
                     expect(part.rank() == world.rank() % 2 && part.size() == 2, "another place");
                     use_edges(part, 2);
                     ParallelState state(part, layout_of({.pp = 2}, {}));
                     expect(members(state.everyone(), part.rank()) == std::vector<int>{0, 1}, "ranks of another part");
                     state.tear_down();
                   }),
        Outcomes(6))
        << launch.name;
}

TEST(PartWorld, AFailureOfOnePartEndsAll) {
  const auto outcomes = tcp_thread_launch().run(4, patience_s, [](World& world) {
    exec::groups::PartWorld part(world, world.rank() / 2 * 2, 2);
    const auto group = part.group("pair", {0, 1});
    if (world.rank() == 3) part.fail("rank 1: no more memory");
    int never = 0;
    if (world.rank() != 3) recv(*group, std::as_writable_bytes(std::span(&never, 1)), 1 - part.rank());
  });
  for (const int rank : {0, 1, 2})
    EXPECT_THAT(outcomes[static_cast<std::size_t>(rank)],
                testing::HasSubstr("rank 1: no more memory (counted from rank 2 of the run)"));
}

TEST(PartWorld, RefusesPartsThatARankIsNotIn) {
  auto worlds = exec::groups::thread_worlds(4, patience_s);
  using exec::groups::PartWorld;
  EXPECT_THROW(PartWorld(*worlds[0], 2, 2), input::InputError);
  EXPECT_THROW(PartWorld(*worlds[3], 2, 3), input::InputError);
  EXPECT_THROW(PartWorld(*worlds[3], 2, 2).group("pair", {0, 2}), input::InputError);
}

TEST(PipelineEdges, OutOfEvenStagesComeFirst) {
  EXPECT_THAT(pipeline_edges(4, false, false), ElementsAre(StageEdge{0, 1}, StageEdge{2, 3}, StageEdge{1, 2}));
  // Two stages: forward and return are the two directions of one pair, and backward is the same edge as the return.
  EXPECT_THAT(pipeline_edges(2, true, true), ElementsAre(StageEdge{0, 1}, StageEdge{1, 0}));
  EXPECT_TRUE(pipeline_edges(1, true, true).empty());
}

TEST(ParallelState, RefusesListsThatAreNoLayoutOfTheRanks) {
  const auto refuses = [](const ParallelLayout& layout) {
    auto worlds = exec::groups::thread_worlds(4, patience_s);
    try {
      ParallelState state(*worlds[0], layout);
    } catch (const input::InputError&) {
      return true;
    }
    return false;
  };
  const auto with_pp = [](RankLists pp, std::vector<StageEdge> edges) {
    return ParallelLayout{{RankLists{}, {}, std::move(pp), {}, {}}, std::move(edges)};
  };
  EXPECT_FALSE(refuses(with_pp({{0, 1}, {2, 3}}, {{0, 1}})));
  EXPECT_TRUE(refuses(with_pp({{0, 1}, {2, 4}}, {})));        // a rank that the run lacks
  EXPECT_TRUE(refuses(with_pp({{0, 1}, {2}}, {})));           // rank 3 is nowhere
  EXPECT_TRUE(refuses(with_pp({{0, 1, 2}, {2, 3}}, {})));     // rank 2 is twice
  EXPECT_TRUE(refuses(with_pp({{0, 1, 2}, {3}}, {{0, 1}})));  // pipelines of different lengths
  EXPECT_TRUE(refuses(with_pp({{0, 1}, {2, 3}}, {{0, 2}})));  // no stage 2
  EXPECT_TRUE(refuses(with_pp({{0, 1}, {2, 3}}, {{1, 1}})));  // an edge to itself
  EXPECT_TRUE(refuses(with_pp({}, {{0, 1}})));                // no pipelines
}

}  // namespace
}  // namespace ppplan::tests
