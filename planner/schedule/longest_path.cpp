#include "planner/schedule/longest_path.h"

#include "planner/input/input_error.h"
#include "planner/schedule/deadlock.h"
#include "planner/schedule/lane_interpreter.h"

namespace ppplan::schedule {

traces::Timeline longest_path(const Schedule& schedule, std::span<const double> duration_s) {
  if (duration_s.size() != schedule.ops.size())
    throw input::InputError("longest path: expected " + std::to_string(schedule.ops.size()) + " durations, found " +
                            std::to_string(duration_s.size()));
  LaneInterpreter interpreter(schedule, duration_s);
  interpreter.run();
  if (!interpreter.stuck().empty()) throw input::InputError(can_complete(schedule).reason);
  traces::Timeline timeline{.origin = "longest path", .devices = {}, .spans = {}};
  for (const ScheduleDevice& device : schedule.devices) timeline.devices.push_back(device.name);
  timeline.spans.reserve(schedule.ops.size());
  for (OpId id = 0; id < static_cast<OpId>(schedule.ops.size()); ++id) {
    const Op& op = schedule.ops[static_cast<std::size_t>(id)];
    timeline.spans.push_back({op.device, op.key, interpreter.start_s(id), interpreter.end_s(id), op.bytes});
  }
  traces::sort_spans(timeline);
  return timeline;
}

std::vector<double> own_seconds(const Schedule& schedule) {
  std::vector<double> seconds;
  seconds.reserve(schedule.ops.size());
  for (const Op& op : schedule.ops) seconds.push_back(op.seconds);
  return seconds;
}

}  // namespace ppplan::schedule
