#include "exec/rank_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "exec/groups/clock_offset.h"
#include "exec/rank_graph.h"
#include "exec/rank_times.h"
#include "exec/run_graph.h"
#include "exec/run_schedule.h"
#include "planner/input/input_error.h"

namespace ppplan::exec {

namespace {

using schedule::Op;
using schedule::OpId;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

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

}  // namespace

groups::ParallelLayout rank_layout(const schedule::Schedule& schedule, int tp) {
  groups::ParallelLayout layout;
  const int stages = static_cast<int>(schedule.devices.size());
  groups::RankLists &pipelines = layout.axes[at(static_cast<int>(groups::Axis::pp))],
                    &shards = layout.axes[at(static_cast<int>(groups::Axis::tp))];
  pipelines.resize(at(tp));
  shards.resize(tp > 1 ? at(stages) : 0);
  for (int rank = 0; rank < stages * tp; ++rank) {
    pipelines[at(rank % tp)].push_back(rank);
    if (tp > 1) shards[at(rank / tp)].push_back(rank);
  }
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
  return gathered_timeline(schedule, ranks.everyone(), own_times(schedule, graph, times));
}

}  // namespace ppplan::exec
