// Runs a schedule for real: one thread per compute lane (pinned where the backend asks for it) and one per edge and
// direction, each running its ops in order as the schedule says and deciding nothing.
#pragma once

#include <vector>

#include "planner/schedule/schedule.h"
#include "traces/timeline.h"

namespace ppplan::exec {

/// Where compute and transfers run. Calls come from the lane's own thread; each returns when the work has ended.
class Backend {
 public:
  virtual ~Backend() = default;
  /// Called once on the thread of every lane before any op starts (pinning, timer slack).
  virtual void enter_lane(int device, const schedule::Lane& lane) = 0;
  /// A compute op on its device.
  virtual void compute(schedule::OpId id, const schedule::Op& op) = 0;
  /// One transfer, called once, on the thread of the edge. `slot` counts receive buffers of the edge: transfer k uses
  /// slot k % receive_buffers, or k when they are unbounded.
  virtual void transfer(schedule::OpId send_id, const schedule::Op& send, const schedule::Op& recv, int slot) = 0;
};

/// Throws InputError for a schedule with faults or one that can't complete.
void check_runs(const schedule::Schedule& schedule);

/// Executes every op and returns what happened, in seconds since the common start, from a steady clock. Rethrows the
/// first exception of a backend after every lane has stopped. Throws as check_runs.
traces::Timeline run_schedule(const schedule::Schedule& schedule, Backend& backend);

}  // namespace ppplan::exec
