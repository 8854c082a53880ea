#include "planner/report/operation_graph.h"

#include "planner/input/input_error.h"

namespace ppplan::report {
namespace {

using schedule::LaneKind;
using schedule::Op;
using schedule::OpId;
using schedule::Schedule;

void check_id(const Schedule& schedule, OpId id) {
  if (id < 0 || at(id) >= schedule.ops.size())
    throw input::InputError("schedule", "", "ids of ops below " + std::to_string(schedule.ops.size()),
                            std::to_string(id));
}

void place_on_lanes(const Schedule& schedule, OperationGraph& graph) {
  graph.lane.assign(schedule.ops.size(), LaneKind::compute);
  for (const auto& device : schedule.devices)
    for (const auto& lane : device.lanes)
      for (const OpId id : lane.ops) {
        check_id(schedule, id);
        graph.lane[at(id)] = lane.kind;
      }
}

void name_nodes(const Schedule& schedule, OperationGraph& graph) {
  graph.node.resize(schedule.ops.size());
  for (OpId id = 0; at(id) < schedule.ops.size(); ++id) {
    const Op& op = schedule.ops[at(id)];
    if (schedule::is_transfer(op)) check_id(schedule, op.partner);
    graph.node[at(id)] = schedule::is_transfer(op) && graph.lane[at(id)] == LaneKind::recv ? op.partner : id;
  }
}

void collect_awaited(const Schedule& schedule, OperationGraph& graph) {
  graph.awaited.resize(schedule.ops.size());
  for (OpId id = 0; at(id) < schedule.ops.size(); ++id)
    for (const OpId other : schedule.ops[at(id)].after) {
      check_id(schedule, other);
      graph.awaited[at(graph.node[at(id)])].push_back(graph.node[at(other)]);
    }
}

/// Kahn's algorithm.
void put_in_order(OperationGraph& graph) {
  const std::size_t count = graph.node.size();
  std::vector<std::vector<OpId>> followers(count);
  std::vector<std::size_t> open(count);
  std::size_t nodes = 0;
  for (OpId id = 0; at(id) < count; ++id) {
    if (graph.node[at(id)] != id) continue;
    ++nodes;
    open[at(id)] = graph.awaited[at(id)].size();
    for (const OpId other : graph.awaited[at(id)]) followers[at(other)].push_back(id);
    if (open[at(id)] == 0) graph.order.push_back(id);
  }
  for (std::size_t next = 0; next < graph.order.size(); ++next)
    for (const OpId follower : followers[at(graph.order[next])])
      if (--open[at(follower)] == 0) graph.order.push_back(follower);
  if (graph.order.size() != nodes)
    throw input::InputError("schedule", "", "ops that do not wait for each other in a circle",
                            std::to_string(nodes - graph.order.size()) + " that do");
}

}  // namespace

OperationGraph operation_graph(const Schedule& schedule) {
  OperationGraph graph;
  place_on_lanes(schedule, graph);
  name_nodes(schedule, graph);
  collect_awaited(schedule, graph);
  put_in_order(graph);
  return graph;
}

std::vector<std::vector<OpId>> issue_units(const Schedule& schedule, const schedule::Lane& lane) {
  std::vector<std::vector<OpId>> units;
  int open_group = -1;
  for (const OpId id : lane.ops) {
    const int group = schedule.ops[at(id)].group;
    if (units.empty() || group < 0 || group != open_group) units.emplace_back();
    units.back().push_back(id);
    open_group = group;
  }
  return units;
}

}  // namespace ppplan::report
