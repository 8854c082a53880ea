#include "exec/rank_times.h"

#include <algorithm>

namespace ppplan::exec {

namespace {

using schedule::OpId;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

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
    const schedule::Op& op = schedule.ops[at(id)];
    result.spans.push_back({op.device, op.key, times.start(id), times.end(id), op.bytes});
  }
  traces::sort_spans(result);
  return result;
}

}  // namespace

traces::Timeline gathered_timeline(const schedule::Schedule& schedule, Group& everyone, OpTimes own) {
  std::vector<double> all(everyone.rank() == 0 ? own.seconds.size() * at(everyone.size()) : 0);
  everyone.gather(std::as_bytes(std::span(own.seconds)), std::as_writable_bytes(std::span(all)), 0);
  if (everyone.rank() != 0) return {};
  for (std::size_t i = own.seconds.size(); i < all.size(); ++i) own.seconds[i % own.seconds.size()] += all[i];
  return timeline_of(schedule, std::move(own));
}

}  // namespace ppplan::exec
