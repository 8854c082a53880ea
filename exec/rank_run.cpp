#include "exec/rank_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "exec/groups/clock_offset.h"
#include "exec/rank_graph.h"
#include "exec/run_graph.h"
#include "exec/run_schedule.h"
#include "planner/input/input_error.h"

namespace ppplan::exec {

namespace {

using schedule::Op;
using schedule::OpId;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// What one rank knows of every op, in seconds since the common start; 0 of ops that are not its own.
struct OpTimes {
  explicit OpTimes(std::size_t ops) : seconds(2 * ops) {}
  double& start(OpId id) { return seconds[2 * at(id)]; }
  double& end(OpId id) { return seconds[2 * at(id) + 1]; }
  std::vector<double> seconds;  // start and end of each op
};

class RankRun {
 public:
  RankRun(const schedule::Schedule& schedule, groups::ParallelState& ranks, RankBackend& backend)
      : schedule_(schedule), ranks_(ranks), backend_(backend) {}

  GraphTimes execute(const ActivityGraph& graph) {
    Group& everyone = ranks_.everyone();
    const auto ahead = groups::ahead_of_own(everyone);
    GraphHooks hooks;
    hooks.enter = [this](const Worker& worker) { backend_.enter_lane(worker.device, *worker.lane); };
    hooks.begin = [&] { return groups::agreed_start(everyone, ahead); };
    hooks.perform = [this](const Activity& activity) { perform(activity); };
    hooks.on_failure = [this](const char* why) { ranks_.fail(why); };
    return run_graph(graph, hooks);
  }

 private:
  const Op& op(OpId id) const { return schedule_.ops[at(id)]; }

  void perform(const Activity& activity) {
    const Op& it = op(activity.op);
    if (activity.part == Part::whole) return backend_.compute(activity.op, it);
    Group& edge = ranks_.edge({it.device, it.peer});  // its rank 0 sends, rank 1 receives
    switch (activity.part) {
      case Part::await_grant:
        return recv(edge, {}, 1);
      case Part::grant:
        return send(edge, {}, 0);
      case Part::send:
        send(edge, backend_.outgoing(activity.op, it), 1);
        return backend_.sent(it);
      default:
        recv(edge, backend_.incoming(op(activity.recv), activity.slot), 0);
        return backend_.received(op(activity.recv), activity.slot);
    }
  }

  const schedule::Schedule& schedule_;
  groups::ParallelState& ranks_;
  RankBackend& backend_;
};

OpTimes own_times(const schedule::Schedule& schedule, const ActivityGraph& graph, const GraphTimes& times) {
  OpTimes out(schedule.ops.size());
  for (std::size_t i = 0; i < graph.activities.size(); ++i) {
    const Activity& activity = graph.activities[i];
    const double start = times.seconds(times.start[i]), end = times.seconds(times.end[i]);
    if (activity.part == Part::whole || activity.part == Part::send) out.start(activity.op) = start;
    if (activity.part == Part::whole) out.end(activity.op) = end;
    if (activity.part == Part::receive) out.end(activity.recv) = end;
  }
  return out;
}

// Both ends of a transfer get the sender's start and the receiver's end; messages of an edge take the wire in turn.
void join_ends(const schedule::Schedule& schedule, OpTimes& times) {
  for (const schedule::ScheduleDevice& device : schedule.devices)
    for (const schedule::Lane& lane : device.lanes) {
      if (lane.kind != schedule::LaneKind::send) continue;
      double free_s = 0;
      for (const OpId id : lane.ops) {
        const OpId recv = schedule.ops[at(id)].partner;
        const double start = std::max(times.start(id), free_s);
        free_s = std::max(times.end(recv), start);
        times.start(id) = times.start(recv) = start;
        times.end(id) = times.end(recv) = free_s;
      }
    }
}

traces::Timeline timeline_of(const schedule::Schedule& schedule, OpTimes times) {
  join_ends(schedule, times);
  traces::Timeline result;
  result.origin = "measured";
  for (const schedule::ScheduleDevice& device : schedule.devices) result.devices.push_back(device.name);
  for (OpId id = 0; id < static_cast<OpId>(schedule.ops.size()); ++id) {
    const Op& op = schedule.ops[at(id)];
    result.spans.push_back({op.device, op.key, times.start(id), times.end(id), op.bytes});
  }
  traces::sort_spans(result);
  return result;
}

}  // namespace

groups::ParallelLayout rank_layout(const schedule::Schedule& schedule) {
  groups::ParallelLayout layout;
  std::vector<int> pipeline(schedule.devices.size());
  std::iota(pipeline.begin(), pipeline.end(), 0);
  layout.axes[static_cast<std::size_t>(groups::Axis::pp)] = {pipeline};
  for (std::size_t device = 0; device < schedule.devices.size(); ++device)
    for (const schedule::Lane& lane : schedule.devices[device].lanes) {
      if (lane.kind != schedule::LaneKind::send || lane.ops.empty()) continue;
      const groups::StageEdge edge{static_cast<int>(device), lane.peer};
      if (std::find(layout.edges.begin(), layout.edges.end(), edge) != layout.edges.end())
        throw input::InputError(fmt::format("schedule: expected one lane from '{}' to '{}', found two",
                                            schedule.devices[device].name, schedule.devices[at(lane.peer)].name));
      layout.edges.push_back(edge);
    }
  return layout;
}

traces::Timeline run_rank(const schedule::Schedule& schedule, groups::ParallelState& ranks, RankBackend& backend) {
  check_runs(schedule);
  const ActivityGraph graph = rank_graph(schedule, ranks.everyone().rank());
  const GraphTimes times = RankRun(schedule, ranks, backend).execute(graph);
  OpTimes own = own_times(schedule, graph, times);
  Group& everyone = ranks.everyone();
  // Every op has one rank that knows its time, and 0 on all others.
  std::vector<double> all(everyone.rank() == 0 ? own.seconds.size() * at(everyone.size()) : 0);
  everyone.gather(std::as_bytes(std::span(own.seconds)), std::as_writable_bytes(std::span(all)), 0);
  if (everyone.rank() != 0) return {};
  for (std::size_t i = 0; i < all.size(); ++i)
    if (i >= own.seconds.size()) own.seconds[i % own.seconds.size()] += all[i];
  return timeline_of(schedule, std::move(own));
}

}  // namespace ppplan::exec
