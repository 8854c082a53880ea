#include "planner/schedule/lane_interpreter.h"

#include <algorithm>

namespace ppplan::schedule {

LaneInterpreter::LaneInterpreter(const Schedule& schedule, std::span<const double> duration_s)
    : schedule_(schedule), duration_s_(duration_s) {
  const std::size_t count = schedule.ops.size();
  lane_of_.resize(count);
  needs_buffer_of_.assign(count, -1);
  releases_.resize(count);
  after_cursor_.resize(count);
  buffer_cursor_.resize(count);
  waiters_.resize(count);
  issued_.resize(count);
  posted_.resize(count);
  ended_.resize(count);
  ready_s_.resize(count);
  start_s_.resize(count);
  end_s_.resize(count);
  place_lanes();
  place_consumers();
}

void LaneInterpreter::place_lanes() {
  const auto buffers = static_cast<std::size_t>(schedule_.receive_buffers);
  for (const ScheduleDevice& device : schedule_.devices) {
    for (const Lane& lane : device.lanes) {
      for (const OpId id : lane.ops) lane_of_[index(id)] = lanes_.size();
      lanes_.push_back({&lane});
      if (lane.kind != LaneKind::recv || buffers == 0) continue;
      for (std::size_t k = buffers; k < lane.ops.size(); ++k)
        if (needs_buffer(op(lane.ops[k]))) needs_buffer_of_[index(lane.ops[k])] = lane.ops[k - buffers];
    }
  }
}

void LaneInterpreter::place_consumers() {
  if (schedule_.receive_buffers == 0) return;
  const auto is_recv = [&](OpId id) { return lanes_[lane_of_[index(id)]].lane->kind == LaneKind::recv; };
  const auto count = static_cast<OpId>(schedule_.ops.size());
  for (OpId id = 0; id < count; ++id) {
    if (is_recv(id)) releases_[index(id)].push_back(id);
    for (const OpId awaited : op(id).after)
      if (is_recv(awaited)) releases_[index(awaited)].push_back(id);
  }
}

void LaneInterpreter::run() {
  for (LaneState& lane : lanes_) issue_next(lane);
  while (!attempts_.empty()) {
    const OpId id = attempts_.back();
    attempts_.pop_back();
    attempt(id);
  }
}

/// Moves the lane on to its next op, or to all that share its group.
void LaneInterpreter::issue_next(LaneState& lane) {
  const std::vector<OpId>& ops = lane.lane->ops;
  lane.begin = lane.end;
  lane.free_s = lane.latest_end_s;
  if (lane.begin == ops.size()) return;
  const int group = op(ops[lane.begin]).group;
  do ++lane.end;
  while (group >= 0 && lane.end < ops.size() && op(ops[lane.end]).group == group);
  lane.open = lane.end - lane.begin;
  for (std::size_t k = lane.begin; k < lane.end; ++k) {
    issued_[index(ops[k])] = 1;
    attempts_.push_back(ops[k]);
  }
}

/// True once all of `required` have ended; otherwise `waiting` is attempted again when the first open one has.
bool LaneInterpreter::passes(OpId waiting, std::span<const OpId> required, std::size_t& cursor) {
  double& ready_s = ready_s_[index(waiting)];
  for (; cursor < required.size(); ++cursor) {
    const OpId awaited = required[cursor];
    if (!ended(awaited)) {
      waiters_[index(awaited)].push_back(waiting);
      return false;
    }
    ready_s = std::max(ready_s, end_s(awaited));
  }
  return true;
}

void LaneInterpreter::attempt(OpId id) {
  if (!issued_[index(id)] || ended(id)) return;
  if (!passes(id, op(id).after, after_cursor_[index(id)])) return;
  const double ready_s = std::max(ready_s_[index(id)], lanes_[lane_of_[index(id)]].free_s);
  ready_s_[index(id)] = ready_s;
  if (!is_transfer(op(id))) return settle(id, ready_s, ready_s + duration_s_[index(id)]);
  posted_[index(id)] = 1;
  const OpId partner = op(id).partner;
  if (!posted_[index(partner)]) return;
  const bool receives = lanes_[lane_of_[index(id)]].lane->kind == LaneKind::recv;
  attempt_transfer(receives ? id : partner);
}

/// Both ends are posted: the buffer is what is left to wait for.
void LaneInterpreter::attempt_transfer(OpId recv) {
  const OpId previous = needs_buffer_of_[index(recv)];
  if (previous >= 0 && !passes(recv, releases_[index(previous)], buffer_cursor_[index(recv)])) return;
  const OpId send = op(recv).partner;
  const double start_s = std::max(ready_s_[index(send)], ready_s_[index(recv)]);
  settle(send, start_s, start_s + duration_s_[index(send)]);
  settle(recv, start_s, start_s + duration_s_[index(recv)]);
}

void LaneInterpreter::settle(OpId id, double start_s, double end_s) {
  ended_[index(id)] = 1;
  start_s_[index(id)] = start_s;
  end_s_[index(id)] = end_s;
  for (const OpId waiting : waiters_[index(id)]) attempts_.push_back(waiting);
  waiters_[index(id)].clear();
  LaneState& lane = lanes_[lane_of_[index(id)]];
  lane.latest_end_s = std::max(lane.latest_end_s, end_s);
  if (--lane.open == 0) issue_next(lane);
}

std::vector<OpId> LaneInterpreter::stuck() const {
  std::vector<OpId> heads;
  for (const LaneState& state : lanes_) {
    const std::vector<OpId>& ops = state.lane->ops;
    for (std::size_t k = state.begin; k < state.end; ++k) {
      if (ended(ops[k])) continue;
      heads.push_back(ops[k]);
      break;
    }
  }
  return heads;
}

}  // namespace ppplan::schedule
