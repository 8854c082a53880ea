#include "exec/rank_replay.h"

#include <algorithm>
#include <utility>

namespace ppplan::exec {

RankReplay::RankReplay(const schedule::Schedule& schedule, int device, std::vector<double> duration_s, double scale,
                       bool real_wires)
    : replay_(std::move(duration_s), scale), real_wires_(real_wires) {
  if (!real_wires) return;
  for (const schedule::Lane& lane : schedule.devices[static_cast<std::size_t>(device)].lanes) {
    if (lane.kind == schedule::LaneKind::compute) continue;
    std::vector<std::byte>& memory = memory_[{lane.kind == schedule::LaneKind::send, lane.peer}];
    for (const schedule::OpId id : lane.ops)
      memory.resize(
          std::max(memory.size(), static_cast<std::size_t>(schedule.ops[static_cast<std::size_t>(id)].bytes)));
  }
}

std::span<const std::byte> RankReplay::outgoing(schedule::OpId send_id, const schedule::Op& send) {
  if (real_wires_) return std::span(memory_.at({true, send.peer})).first(static_cast<std::size_t>(send.bytes));
  replay_.transfer(send_id, send, send, 0);
  return {};
}

std::span<std::byte> RankReplay::incoming(const schedule::Op& recv, int) {
  if (!real_wires_) return {};
  return std::span(memory_.at({false, recv.peer})).first(static_cast<std::size_t>(recv.bytes));
}

}  // namespace ppplan::exec
