#include "planner/report/critical_path.h"

#include <algorithm>
#include <tuple>

#include "planner/input/input_error.h"

namespace ppplan::report {
namespace {

using schedule::LaneKind;
using schedule::OpId;
using schedule::Schedule;

class PathFinder {
 public:
  PathFinder(const Schedule& schedule, const OperationGraph& graph, const OpTimes& times)
      : schedule_(schedule), graph_(graph), times_(times), let_by_(schedule.ops.size(), none) {
    for (const OpId id : graph.order)
      for (const OpId awaited : graph.awaited[at(id)]) consider(id, awaited);
    for (const auto& device : schedule.devices)
      for (const auto& lane : device.lanes) consider_lane(lane);
    if (schedule.receive_buffers > 0) consider_buffers();
  }

  std::vector<PathStep> path() const {
    std::vector<PathStep> out;
    OpId last = none;
    for (const OpId id : graph_.order) last = better(last, id);
    for (OpId id = last; id != none; id = let_by_[at(id)]) {
      if (out.size() > graph_.order.size())
        throw input::InputError("schedule", "", "lanes that can finish", "lanes that wait for each other in a circle");
      const schedule::Op& op = schedule_.ops[at(id)];
      out.push_back({op.key, op.device, times_.start_s[at(id)], times_.end_s[at(id)]});
    }
    std::reverse(out.begin(), out.end());
    return out;
  }

 private:
  static constexpr OpId none = -1;

  OpId better(OpId a, OpId b) const {
    if (a == none) return b;
    const auto rank = [&](OpId id) {
      return std::tuple(times_.end_s[at(id)], !schedule::is_transfer(schedule_.ops[at(id)]), -id);
    };
    return rank(b) > rank(a) ? b : a;
  }

  void consider(OpId node, OpId awaited) { let_by_[at(node)] = better(let_by_[at(node)], awaited); }

  /// What a lane issues waits for the last of what it issued before.
  void consider_lane(const schedule::Lane& lane) {
    OpId before = none;
    for (const auto& unit : issue_units(schedule_, lane)) {
      OpId latest = none;
      for (const OpId id : unit) {
        if (before != none) consider(graph_.node[at(id)], before);
        latest = better(latest, graph_.node[at(id)]);
      }
      before = latest;
    }
  }

  /// The k-th transfer of an edge waits for the consumers of transfer k - receive_buffers, unless it needs no buffer.
  void consider_buffers() {
    std::vector<OpId> last_consumer(schedule_.ops.size(), none);  // [Recv]
    for (OpId id = 0; at(id) < schedule_.ops.size(); ++id)
      for (const OpId awaited : schedule_.ops[at(id)].after)
        if (graph_.lane[at(awaited)] == LaneKind::recv)
          last_consumer[at(awaited)] = better(last_consumer[at(awaited)], graph_.node[at(id)]);
    const auto buffers = static_cast<std::size_t>(schedule_.receive_buffers);
    for (const auto& device : schedule_.devices)
      for (const auto& lane : device.lanes) {
        if (lane.kind != LaneKind::recv) continue;
        for (std::size_t k = buffers; k < lane.ops.size(); ++k)
          if (const OpId consumer = last_consumer[at(lane.ops[k - buffers])];
              consumer != none && schedule::needs_buffer(schedule_.ops[at(lane.ops[k])]))
            consider(graph_.node[at(lane.ops[k])], consumer);
      }
  }

  const Schedule& schedule_;
  const OperationGraph& graph_;
  const OpTimes& times_;
  std::vector<OpId> let_by_;  // [node] what ended last of what it waited for
};

}  // namespace

std::vector<PathStep> critical_path(const Schedule& schedule, const OperationGraph& graph, const OpTimes& times) {
  return PathFinder(schedule, graph, times).path();
}

}  // namespace ppplan::report
