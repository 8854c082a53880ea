// The groups of a plan that one rank belongs to, after vLLM's parallel state (vllm/distributed/parallel_state.py): one
// for each axis, one for each directed edge of its pipeline, and one of all ranks.
//
// An edge has a group of its own, so that the messages of an edge wait for those of no other, and the two directions of
// a pair of stages go apart. Groups are made, warmed up and torn down in one order that all ranks share (all ranks, the
// axes, edges out of even stages, edges out of odd stages), so two ranks never wait for each other crosswise while
// connections come up, whatever the transport does at first use.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <vector>

#include "exec/groups/world.h"

namespace ppplan::exec::groups {

enum class Axis { tp, pcp, pp, dp, ep };
constexpr std::size_t axis_count = 5;

/// [group][position] -> rank of the run, in the order of vLLM's groups (ExternalDP x DP x PP x PCP x TP, TP fastest).
using RankLists = std::vector<std::vector<int>>;

/// Between two stages of every pipeline.
struct StageEdge {
  int from = 0;
  int to = 0;
  auto operator<=>(const StageEdge&) const = default;
};

/// What all ranks of a run have to agree on.
struct ParallelLayout {
  std::array<RankLists, axis_count> axes;  // by Axis: each names every rank once; or empty: no groups of this axis
  std::vector<StageEdge> edges;            // of the pipelines, which then have equal lengths
};

/// Stage to next stage; with `backward` also to the previous one (gradients), with `token_return` last stage to first.
std::vector<StageEdge> pipeline_edges(int stages, bool backward, bool token_return);

class ParallelState {
 public:
  /// Throws InputError for lists that are no layout of the world's ranks, GroupError of the world.
  ParallelState(World& world, const ParallelLayout& layout);
  /// Tears down without waiting for the others (a run that failed).
  ~ParallelState();

  Group& everyone() { return *groups_.front(); }
  bool has(Axis axis) const { return axes_[static_cast<std::size_t>(axis)] != nullptr; }
  /// Throws InputError for an axis without groups.
  Group& group(Axis axis);
  /// The two ranks of an edge of this rank's pipeline: rank 0 sends, rank 1 receives. Throws InputError for an edge
  /// that this rank's stage is not an end of.
  Group& edge(StageEdge edge);
  /// Those that this rank's stage is an end of, in the order that all ranks share.
  const std::vector<StageEdge>& own_edges() const { return own_edges_; }

  /// As World::fail.
  void fail(const std::string& why) { world_.fail(why); }
  /// As World::failure.
  std::optional<std::string> failure() const { return world_.failure(); }
  /// Uses every group once, so that connections stand and both ends know each other before anything is measured.
  void warm_up();
  /// Waits until every rank has come here, then gives the groups up.
  void tear_down();

 private:
  std::unique_ptr<Group>& add(World& world, const std::string& name, const std::vector<int>& ranks);
  void add_axis(World& world, Axis axis, const RankLists& lists);
  void add_edges(World& world, const ParallelLayout& layout);

  World& world_;
  std::vector<std::unique_ptr<Group>> groups_;  // in the order in which they were made
  std::array<Group*, axis_count> axes_{};
  std::map<StageEdge, Group*> edges_;
  std::vector<StageEdge> own_edges_;
};

}  // namespace ppplan::exec::groups
