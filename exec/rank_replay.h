// One rank's part of a replay: compute waits its planned duration, and messages either wait theirs and carry nothing,
// or carry their bytes at the speed of the data plane.
#pragma once

#include <map>
#include <vector>

#include "exec/rank_run.h"
#include "exec/replay_backend.h"

namespace ppplan::exec {

class RankReplay : public RankBackend {
 public:
  /// `duration_s` and `scale` as of ReplayBackend. With `real_wires` the device's messages have their op's bytes.
  RankReplay(const schedule::Schedule& schedule, int device, std::vector<double> duration_s, double scale,
             bool real_wires);
  void enter_lane(int device, const schedule::Lane& lane) override { replay_.enter_lane(device, lane); }
  void compute(schedule::OpId id, const schedule::Op& op) override { replay_.compute(id, op); }
  std::span<const std::byte> outgoing(schedule::OpId send_id, const schedule::Op& send) override;
  void sent(const schedule::Op&) override {}
  std::span<std::byte> incoming(const schedule::Op& recv, int slot) override;
  void received(const schedule::Op&, int) override {}

 private:
  ReplayBackend replay_;
  bool real_wires_;
  // By direction and peer: what is in it means nothing, so the messages of a lane share one.
  std::map<std::pair<bool, int>, std::vector<std::byte>> memory_;
};

}  // namespace ppplan::exec
