// head[x] = longest chain of `after` dependencies that must end before x starts, tail[x] = longest chain after its end.
// What runs on one lane runs one after another, whatever the order, so that
//   makespan >= min head + sum of durations + min tail    over the ops of every lane,
//   makespan >= max over ops of head + duration + tail.
// Ops of one group may run at once: of a group only the longest counts in the sum.
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

double lane_bound_s(const schedule::Schedule& schedule, const schedule::Lane& lane, const OperationGraph& graph,
                    const Chains& chains, const std::vector<double>& duration_s) {
  if (lane.ops.empty()) return 0;
  double head = std::numeric_limits<double>::infinity();
  double tail = head;
  double work = 0;
  for (const auto& unit : issue_units(schedule, lane)) {
    double longest = 0;
    for (const OpId id : unit) {
      const OpId node = graph.node[at(id)];
      head = std::min(head, chains.head_s[at(node)]);
      tail = std::min(tail, chains.tail_s[at(node)]);
      longest = std::max(longest, duration_s[at(node)]);
    }
    work += longest;
  }
  return head + work + tail;
}

}  // namespace

double lower_bound_s(const schedule::Schedule& schedule, const std::vector<double>& duration_s) {
  if (duration_s.size() != schedule.ops.size())
    throw input::InputError("durations", "", "one for each of " + std::to_string(schedule.ops.size()) + " ops",
                            std::to_string(duration_s.size()));
  const OperationGraph graph = operation_graph(schedule);
  const Chains around = chains(graph, duration_s);
  double bound = 0;
  for (const OpId id : graph.order)
    bound = std::max(bound, around.head_s[at(id)] + duration_s[at(id)] + around.tail_s[at(id)]);
  for (const auto& device : schedule.devices)
    for (const auto& lane : device.lanes)
      bound = std::max(bound, lane_bound_s(schedule, lane, graph, around, duration_s));
  return bound;
}

}  // namespace ppplan::report
