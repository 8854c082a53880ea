#include "sim/activity_graph.h"

#include <algorithm>

namespace ppplan::sim {
namespace {

using schedule::Lane;
using schedule::LaneKind;
using schedule::Op;
using schedule::OpId;
using schedule::Schedule;

class GraphBuilder {
 public:
  GraphBuilder(const Schedule& schedule, FlowRoutes& routes) : schedule_(schedule), routes_(routes) {}

  ActivityGraph build() {
    edges_.reserve(3 * schedule_.ops.size());
    for (const auto& device : schedule_.devices)
      for (const Lane& lane : device.lanes)
        if (lane.kind != LaneKind::recv)
          for (const OpId id : lane.ops) add_activity(id);
    for (OpId id = 0; id < static_cast<OpId>(schedule_.ops.size()); ++id)
      for (const OpId awaited : op(id).after) edge(awaited, id);
    for (const auto& device : schedule_.devices)
      for (const Lane& lane : device.lanes) order_lane(lane);
    if (schedule_.receive_buffers > 0) couple_buffers();
    if (std::ranges::any_of(schedule_.ops, [](const Op& op) { return op.alone_fraction < 1; })) note_fractions();
    collect_successors();
    return std::move(graph_);
  }

 private:
  struct Edge {
    int from, to;  // activities
  };
  const Op& op(OpId id) const { return schedule_.ops[static_cast<std::size_t>(id)]; }
  int& activity(OpId id) { return graph_.activity_of[static_cast<std::size_t>(id)]; }

  /// A compute op, or a transfer by its Send.
  void add_activity(OpId id) {
    if (graph_.activity_of.empty()) graph_.activity_of.assign(schedule_.ops.size(), 0);
    activity(id) = static_cast<int>(graph_.size());
    graph_.device.push_back(op(id).device);
    graph_.delay_s.push_back(op(id).seconds);
    if (schedule::is_transfer(op(id))) {
      activity(op(id).partner) = activity(id);
      for (const Flow& flow : routes_.flows(schedule_, op(id))) graph_.flows.items.push_back(flow);
    }
    graph_.flows.begin.push_back(graph_.flows.items.size());
  }

  void edge(OpId from, OpId to) { edges_.push_back({activity(from), activity(to)}); }

  /// Ends of the batch [begin, end) of ops issued together, of which a single op is the usual case.
  std::size_t batch_end(const Lane& lane, std::size_t begin) const {
    const int group = op(lane.ops[begin]).group;
    std::size_t end = begin + 1;
    while (group >= 0 && end < lane.ops.size() && op(lane.ops[end]).group == group) ++end;
    return end;
  }

  /// Every op of a batch waits for every op of the batch before: through a gate where that would be many edges.
  void order_lane(const Lane& lane) {
    std::size_t before = 0, begin = 0;
    while (begin < lane.ops.size()) {
      const std::size_t end = batch_end(lane, begin);
      if (begin > 0) order_batches(lane, before, begin, end);
      before = begin;
      begin = end;
    }
  }

  void order_batches(const Lane& lane, std::size_t before, std::size_t begin, std::size_t end) {
    if (begin - before == 1 || end - begin == 1) {
      for (std::size_t i = before; i < begin; ++i)
        for (std::size_t j = begin; j < end; ++j) edge(lane.ops[i], lane.ops[j]);
      return;
    }
    const int gate = add_gate();
    for (std::size_t i = before; i < begin; ++i) edges_.push_back({activity(lane.ops[i]), gate});
    for (std::size_t j = begin; j < end; ++j) edges_.push_back({gate, activity(lane.ops[j])});
  }

  int add_gate() {
    graph_.device.push_back(0);
    graph_.delay_s.push_back(0);
    graph_.flows.begin.push_back(graph_.flows.items.size());
    return static_cast<int>(graph_.size()) - 1;
  }

  /// Transfer k of an edge takes over the buffer of transfer k - receive_buffers: after it and all its consumers.
  void couple_buffers() {
    std::vector<OpId> heir(schedule_.ops.size(), -1);  // [Recv]
    const auto buffers = static_cast<std::size_t>(schedule_.receive_buffers);
    for (const auto& device : schedule_.devices)
      for (const Lane& lane : device.lanes)
        for (std::size_t k = buffers; lane.kind == LaneKind::recv && k < lane.ops.size(); ++k) {
          if (!schedule::needs_buffer(op(lane.ops[k]))) continue;
          heir[static_cast<std::size_t>(lane.ops[k - buffers])] = lane.ops[k];
          edge(lane.ops[k - buffers], lane.ops[k]);
        }
    for (OpId id = 0; id < static_cast<OpId>(schedule_.ops.size()); ++id)
      for (const OpId awaited : op(id).after)
        if (heir[static_cast<std::size_t>(awaited)] >= 0) edge(id, heir[static_cast<std::size_t>(awaited)]);
  }

  void note_fractions() {
    const auto devices = static_cast<int>(schedule_.devices.size());
    graph_.busy_devices = schedule_.busy_devices > 0 ? schedule_.busy_devices : devices;
    graph_.alone_fraction.assign(graph_.size(), 0);
    for (OpId id = 0; id < static_cast<OpId>(schedule_.ops.size()); ++id)
      if (!schedule::is_transfer(op(id)))
        graph_.alone_fraction[static_cast<std::size_t>(activity(id))] = op(id).alone_fraction;
  }

  void collect_successors() {
    std::vector<std::size_t>& begin = graph_.successors.begin;
    begin.assign(graph_.size() + 1, 0);
    graph_.waits_for.assign(graph_.size(), 0);
    for (const Edge& edge : edges_) {
      ++begin[static_cast<std::size_t>(edge.from) + 1];
      ++graph_.waits_for[static_cast<std::size_t>(edge.to)];
    }
    for (std::size_t i = 0; i < graph_.size(); ++i) begin[i + 1] += begin[i];
    graph_.successors.items.resize(edges_.size());
    std::vector<std::size_t> next(begin.begin(), begin.end() - 1);
    for (const Edge& edge : edges_) graph_.successors.items[next[static_cast<std::size_t>(edge.from)]++] = edge.to;
  }

  const Schedule& schedule_;
  FlowRoutes& routes_;
  ActivityGraph graph_;
  std::vector<Edge> edges_;
};

}  // namespace

ActivityGraph activity_graph(const Schedule& schedule, FlowRoutes& routes) {
  return GraphBuilder(schedule, routes).build();
}

}  // namespace ppplan::sim
