#include "exec/groups/parallel_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <tuple>

#include "planner/input/input_error.h"

namespace ppplan::exec::groups {
namespace {

constexpr std::array<const char*, axis_count> axis_names = {"TP", "PCP", "PP", "DP", "EP"};

std::size_t index(int i) { return static_cast<std::size_t>(i); }

/// The group of the list that holds the rank.
std::size_t group_of(const RankLists& lists, int rank) {
  const auto found = std::find_if(lists.begin(), lists.end(), [&](const std::vector<int>& ranks) {
    return std::find(ranks.begin(), ranks.end(), rank) != ranks.end();
  });
  return static_cast<std::size_t>(found - lists.begin());
}

/// All ranks check all lists, so that no rank makes groups of a layout that another refuses.
void check_lists(const std::string& axis, const RankLists& lists, int size) {
  std::vector<int> seen(index(size));
  for (const auto& ranks : lists)
    for (int rank : ranks) {
      if (rank < 0 || rank >= size)
        throw input::InputError(fmt::format("{} groups: expected ranks below {}, found {}", axis, size, rank));
      ++seen[index(rank)];
    }
  for (std::size_t rank = 0; rank < seen.size(); ++rank)
    if (seen[rank] != 1)
      throw input::InputError(
          fmt::format("{} groups: expected every rank in one, found rank {} in {}", axis, rank, seen[rank]));
}

void check_edges(const RankLists& pipelines, const std::vector<StageEdge>& edges) {
  if (edges.empty()) return;
  if (pipelines.empty()) throw input::InputError("edges of a pipeline: expected PP groups, found none");
  const std::size_t stages = pipelines.front().size();
  for (const auto& pipeline : pipelines)
    if (pipeline.size() != stages)
      throw input::InputError(fmt::format("PP groups: expected {} stages in each, found {}", stages, pipeline.size()));
  for (const StageEdge& edge : edges)
    if (edge.from == edge.to || std::min(edge.from, edge.to) < 0 || index(std::max(edge.from, edge.to)) >= stages)
      throw input::InputError(
          fmt::format("edges of a pipeline: expected two of {} stages, found {} to {}", stages, edge.from, edge.to));
}

/// Edges out of even stages first; each once.
std::vector<StageEdge> in_shared_order(std::vector<StageEdge> edges) {
  const auto key = [](const StageEdge& edge) { return std::tuple(edge.from % 2, edge.from, edge.to); };
  std::sort(edges.begin(), edges.end(), [&](const StageEdge& a, const StageEdge& b) { return key(a) < key(b); });
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  return edges;
}

}  // namespace

std::vector<StageEdge> pipeline_edges(int stages, bool backward, bool token_return) {
  std::vector<StageEdge> out;
  for (int stage = 0; stage + 1 < stages; ++stage) {
    out.push_back({stage, stage + 1});
    if (backward) out.push_back({stage + 1, stage});
  }
  if (token_return && stages > 1) out.push_back({stages - 1, 0});
  return in_shared_order(std::move(out));
}

ParallelState::ParallelState(World& world, const ParallelLayout& layout) : world_(world) {
  for (std::size_t axis = 0; axis < axis_count; ++axis)
    if (!layout.axes[axis].empty()) check_lists(axis_names[axis], layout.axes[axis], world.size());
  check_edges(layout.axes[static_cast<std::size_t>(Axis::pp)], layout.edges);
  std::vector<int> everyone(index(world.size()));
  std::iota(everyone.begin(), everyone.end(), 0);
  add(world, "all ranks", everyone);
  for (Axis axis : {Axis::tp, Axis::pcp, Axis::pp, Axis::dp, Axis::ep})
    add_axis(world, axis, layout.axes[static_cast<std::size_t>(axis)]);
  add_edges(world, layout);
}

ParallelState::~ParallelState() {
  while (!groups_.empty()) groups_.pop_back();
}

std::unique_ptr<Group>& ParallelState::add(World& world, const std::string& name, const std::vector<int>& ranks) {
  groups_.push_back(world.group(name, ranks));
  return groups_.back();
}

void ParallelState::add_axis(World& world, Axis axis, const RankLists& lists) {
  if (lists.empty()) return;
  const auto at = static_cast<std::size_t>(axis);
  const std::size_t own = group_of(lists, world.rank());
  axes_[at] = add(world, fmt::format("{} {}", axis_names[at], own), lists[own]).get();
}

void ParallelState::add_edges(World& world, const ParallelLayout& layout) {
  if (layout.edges.empty()) return;
  const RankLists& pipelines = layout.axes[static_cast<std::size_t>(Axis::pp)];
  const std::size_t own = group_of(pipelines, world.rank());
  const std::vector<int>& pipeline = pipelines[own];
  for (const StageEdge& edge : in_shared_order(layout.edges)) {
    const std::vector<int> ends = {pipeline[index(edge.from)], pipeline[index(edge.to)]};
    if (std::find(ends.begin(), ends.end(), world.rank()) == ends.end()) continue;
    edges_[edge] = add(world, fmt::format("PP {} edge {} to {}", own, edge.from, edge.to), ends).get();
    own_edges_.push_back(edge);
  }
}

Group& ParallelState::group(Axis axis) {
  const auto at = static_cast<std::size_t>(axis);
  if (axes_[at] == nullptr) throw input::InputError(fmt::format("this run has no {} groups", axis_names[at]));
  return *axes_[at];
}

Group& ParallelState::edge(StageEdge edge) {
  const auto found = edges_.find(edge);
  if (found == edges_.end())
    throw input::InputError(fmt::format("rank {} is at no end of an edge from stage {} to stage {}", everyone().rank(),
                                        edge.from, edge.to));
  return *found->second;
}

void ParallelState::warm_up() {
  everyone().barrier();
  for (const StageEdge& own : own_edges_) {
    Group& ends = edge(own);
    std::byte mark{};
    if (ends.rank() == 0)
      send(ends, {&mark, 1}, 1);
    else
      recv(ends, {&mark, 1}, 0);
  }
  for (Group* group : axes_)
    if (group != nullptr) group->barrier();
}

void ParallelState::tear_down() {
  everyone().barrier();
  axes_.fill(nullptr);
  edges_.clear();
  own_edges_.clear();
  while (!groups_.empty()) groups_.pop_back();
}

}  // namespace ppplan::exec::groups
