// Waits each op's and each transfer's planned duration from the moment it really starts, so that orders and
// dependencies can be executed with many more stages than cores. Never waits until a planned absolute time.
#pragma once

#include <vector>

#include "exec/run_schedule.h"

namespace ppplan::exec {

class ReplayBackend : public Backend {
 public:
  /// `duration_s[id]` of every op (both ops of a transfer alike), each multiplied by `scale`.
  ReplayBackend(std::vector<double> duration_s, double scale);
  void enter_lane(int device, const schedule::Lane& lane) override;
  void compute(schedule::OpId id, const schedule::Op& op) override;
  void transfer(schedule::OpId send_id, const schedule::Op& send, const schedule::Op& recv, int slot) override;

 private:
  std::vector<double> duration_s_;
  double scale_;
};

/// The factor by which the median positive duration becomes `median_s`: for times in a unit of their own.
double relative_scale(const std::vector<double>& duration_s, double median_s = 5e-3);
/// The smallest factor of at least 1 by which the duration amid the work reaches `amid_s` (10 ms by default): half of
/// all time is spent in operations that last at least as long. Transfers, many and short, would stretch a plan's replay
/// by the hundred if every operation counted alike.
double replay_scale(const std::vector<double>& duration_s, double amid_s = 10e-3);

}  // namespace ppplan::exec
