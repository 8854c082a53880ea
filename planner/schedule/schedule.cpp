#include "planner/schedule/schedule.h"

#include <utility>

namespace ppplan::schedule {
namespace {

using traces::OpKind;

OpId append(Schedule& schedule, Op op) {
  schedule.ops.push_back(std::move(op));
  return static_cast<OpId>(schedule.ops.size()) - 1;
}

ScheduleDevice& device_at(Schedule& schedule, int device) {
  return schedule.devices.at(static_cast<std::size_t>(device));
}

/// The device's compute lane, made where there is none: it comes first.
Lane& compute_lane(ScheduleDevice& device) {
  if (device.lanes.empty() || device.lanes.front().kind != LaneKind::compute)
    device.lanes.insert(device.lanes.begin(), Lane{});
  return device.lanes.front();
}

/// The lane of one peer and direction. Token returns have lanes of their own, told by the operations they hold.
Lane& transfer_lane(const std::vector<Op>& ops, ScheduleDevice& device, LaneKind kind, int peer, bool token_return) {
  compute_lane(device);
  for (Lane& lane : device.lanes) {
    if (lane.kind != kind || lane.peer != peer) continue;
    if (lane.ops.empty()) return lane;
    const Op& first = ops[static_cast<std::size_t>(lane.ops.front())];
    if ((first.key.kind == OpKind::token_return) == token_return) return lane;
  }
  return device.lanes.emplace_back(Lane{kind, peer, {}});
}

}  // namespace

OpId add_compute(Schedule& schedule, int device, traces::OpKey key, double seconds, OpList after) {
  const OpId id = append(schedule, {.key = key, .device = device, .seconds = seconds, .after = std::move(after)});
  compute_lane(device_at(schedule, device)).ops.push_back(id);
  return id;
}

TransferIds add_transfer(Schedule& schedule, int from, int to, traces::OpKey key, double seconds, std::int64_t bytes,
                         OpList after) {
  const bool token_return = key.kind == OpKind::token_return;
  const OpId send = static_cast<OpId>(schedule.ops.size());
  const OpId recv = send + 1;
  append(schedule, {key, from, to, recv, seconds, bytes, std::move(after)});
  key.kind = traces::received(key.kind);
  append(schedule, {key, to, from, send, seconds, bytes, {}});
  transfer_lane(schedule.ops, device_at(schedule, from), LaneKind::send, to, token_return).ops.push_back(send);
  transfer_lane(schedule.ops, device_at(schedule, to), LaneKind::recv, from, token_return).ops.push_back(recv);
  return {send, recv};
}

}  // namespace ppplan::schedule
