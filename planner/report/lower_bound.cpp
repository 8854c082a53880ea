// head[x] = longest chain of `after` dependencies that must end before x starts, tail[x] = longest chain after its end.
// What runs on one lane runs one after another, whatever the order, so that
//   makespan >= min head + sum of durations + min tail    over the ops of every lane,
//   makespan >= max over ops of head + duration + tail.
// Ops of one group may run at once: of a group only the longest counts in the sum.
#include "planner/report/lower_bound.h"

#include <algorithm>
#include <limits>

#include "planner/input/input_error.h"
#include "planner/report/bubble_report.h"
#include "planner/report/operation_graph.h"

namespace ppplan::report {
namespace {

using schedule::OpId;

struct Chains {
  std::vector<double> head_s;  // [node]
  std::vector<double> tail_s;  // [node]
};

Chains chains(const OperationGraph& graph, const std::vector<double>& duration_s) {
  const std::size_t count = graph.node.size();
  Chains out{std::vector<double>(count), std::vector<double>(count)};
  for (const OpId id : graph.order)
    for (const OpId awaited : graph.awaited[at(id)])
      out.head_s[at(id)] = std::max(out.head_s[at(id)], out.head_s[at(awaited)] + duration_s[at(awaited)]);
  for (auto id = graph.order.rbegin(); id != graph.order.rend(); ++id)
    for (const OpId awaited : graph.awaited[at(*id)])
      out.tail_s[at(awaited)] = std::max(out.tail_s[at(awaited)], duration_s[at(*id)] + out.tail_s[at(*id)]);
  return out;
}

Bound lane_bound(const schedule::Schedule& schedule, const schedule::Lane& lane, const OperationGraph& graph,
                 const Chains& chains, const std::vector<double>& duration_s) {
  Bound bound;
  if (lane.ops.empty()) return bound;
  bound.of_lane = true;
  bound.head_s = bound.tail_s = std::numeric_limits<double>::infinity();
  for (const auto& unit : issue_units(schedule, lane)) {
    double longest = 0;
    for (const OpId id : unit) {
      const OpId node = graph.node[at(id)];
      bound.head_s = std::min(bound.head_s, chains.head_s[at(node)]);
      bound.tail_s = std::min(bound.tail_s, chains.tail_s[at(node)]);
      longest = std::max(longest, duration_s[at(node)]);
    }
    bound.work_s += longest;
  }
  return bound;
}

}  // namespace

Bound lower_bound(const schedule::Schedule& schedule, const std::vector<double>& duration_s) {
  if (duration_s.size() != schedule.ops.size())
    throw input::InputError("durations", "", "one for each of " + std::to_string(schedule.ops.size()) + " ops",
                            std::to_string(duration_s.size()));
  const OperationGraph graph = operation_graph(schedule);
  const Chains around = chains(graph, duration_s);
  Bound bound;
  for (const OpId id : graph.order)
    bound.work_s = std::max(bound.work_s, around.head_s[at(id)] + duration_s[at(id)] + around.tail_s[at(id)]);
  for (std::size_t d = 0; d < schedule.devices.size(); ++d)
    for (const auto& lane : schedule.devices[d].lanes) {
      Bound here = lane_bound(schedule, lane, graph, around, duration_s);
      here.device = static_cast<int>(d);
      here.lane = lane.kind;
      if (here.seconds() > bound.seconds() || (!bound.of_lane && here.seconds() == bound.seconds())) bound = here;
    }
  return bound;
}

double lower_bound_s(const schedule::Schedule& schedule, const std::vector<double>& duration_s) {
  return lower_bound(schedule, duration_s).seconds();
}

}  // namespace ppplan::report
