// How fast the cores of a host run were against those that its plan's times were measured on (exec/core_speed.h).
#pragma once

#include <string>
#include <vector>

#include "exec/run_time.h"
#include "planner/spec/plan.h"

namespace ppplan::tools {

/// One core during one repeat.
struct CoreReading {
  double slowdown = 1;         // speed then / now, before and after the repeat
  double share_of_others = 0;  // of its time while it computed
};

/// Yardsticks per second (exec/core_speed.h) of a core as fast as then while `others` of the other cores compute: its
/// time is between the alone and the loaded one as schedule.h says of operations. 0 when the times don't tell.
double speed_then(const spec::Provenance& times, int others);
/// Of one repeat: the speed then, before and after it, and what its operations took.
CoreReading core_reading(double then, double before, double after, const exec::RunTime& computed);

struct CoreDrift {
  /// Cores further off than this tell of another machine or a busy one, and no single number can carry times there.
  static constexpr double most = 0.4;
  /// Of which others took more than this, waits hang on when they did.
  static constexpr double most_taken = 0.7;
  std::vector<double> slowdown;         // [stage]: speed then / now, the median over repeats; empty = not known
  std::vector<double> share_of_others;  // [stage]: the median over repeats
  double profiled_makespan_s = 0;       // predicted for the cores of the profile
  /// [stage]: by what everything takes longer than in the profile: for the core's speed, and for what others took of
  /// it.
  std::vector<double> factors() const;
  /// Known, no core further off than `most`, faster or slower, and none taken for more than `most_taken`.
  bool trusted() const;
};

/// `readings` [repeat][stage]; none, or times without a speed, give a drift that is not known.
CoreDrift core_drift(const spec::Provenance& times, const std::vector<std::vector<CoreReading>>& readings);
/// The plan with compute times longer by `factors` [stage].
spec::Plan slowed(spec::Plan plan, const std::vector<double>& factors);
/// One or two lines for people; "" when the drift is not known.
std::string drift_text(const CoreDrift& drift, double measured_makespan_s);

}  // namespace ppplan::tools
