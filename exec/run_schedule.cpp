#include "exec/run_schedule.h"

#include "exec/run_graph.h"
#include "planner/input/input_error.h"
#include "planner/schedule/deadlock.h"

namespace ppplan::exec {

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
  const GraphTimes times = run_graph(graph, {enter, [] { return Clock::now(); }, perform});
  return timeline_of(schedule, graph, [&](std::size_t index) {
    return ActivityTimes{times.seconds(times.start[index]), times.seconds(times.end[index])};
  });
}

}  // namespace ppplan::exec
