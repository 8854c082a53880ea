#include "exec/run_schedule.h"

#include "exec/run_graph.h"
#include "planner/input/input_error.h"
#include "planner/schedule/deadlock.h"

namespace ppplan::exec {

namespace {

traces::Timeline timeline_of(const schedule::Schedule& schedule, const ActivityGraph& graph, const GraphTimes& times) {
  traces::Timeline result;
  result.origin = "measured";
  for (const schedule::ScheduleDevice& device : schedule.devices) result.devices.push_back(device.name);
  for (std::size_t index = 0; index < graph.activities.size(); ++index) {
    const Activity& activity = graph.activities[index];
    for (const schedule::OpId id : {activity.op, activity.recv}) {
      if (id < 0) continue;
      const schedule::Op& op = schedule.ops[static_cast<std::size_t>(id)];
      result.spans.push_back(
          {op.device, op.key, times.seconds(times.start[index]), times.seconds(times.end[index]), op.bytes});
    }
  }
  traces::sort_spans(result);
  return result;
}

}  // namespace

void check_runs(const schedule::Schedule& schedule) {
  const std::vector<std::string> faults = schedule::faults(schedule);
  if (!faults.empty()) throw input::InputError("schedule: " + faults.front());
  const schedule::Progress progress = schedule::can_complete(schedule);
  if (!progress.completes) throw input::InputError("schedule: " + progress.reason);
}

traces::Timeline run_schedule(const schedule::Schedule& schedule, Backend& backend) {
  check_runs(schedule);
  const ActivityGraph graph = activity_graph(schedule);
  const auto perform = [&](const Activity& activity) {
    const schedule::Op& op = schedule.ops[static_cast<std::size_t>(activity.op)];
    if (activity.recv < 0) return backend.compute(activity.op, op);
    backend.transfer(activity.op, op, schedule.ops[static_cast<std::size_t>(activity.recv)], activity.slot);
  };
  const auto enter = [&](const Worker& worker) { backend.enter_lane(worker.device, *worker.lane); };
  return timeline_of(schedule, graph, run_graph(graph, {enter, [] { return Clock::now(); }, perform}));
}

}  // namespace ppplan::exec
