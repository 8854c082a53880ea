// Runs a schedule over ranks: device d of the schedule is rank d of the run, and transfers are messages of its groups.
#pragma once

#include <cstddef>
#include <span>

#include "exec/groups/parallel_state.h"
#include "planner/schedule/schedule.h"
#include "traces/timeline.h"

namespace ppplan::exec {

/// Where one rank's compute runs and what its messages hold. Calls come from the lane's own thread. What a send lane
/// and the receive lane of its peer name for one transfer have the same length.
class RankBackend {
 public:
  virtual ~RankBackend() = default;
  /// Called once on the thread of every lane before any op starts.
  virtual void enter_lane(int device, const schedule::Lane& lane) = 0;
  virtual void compute(schedule::OpId id, const schedule::Op& op) = 0;
  /// The message of a transfer, which stays until sent().
  virtual std::span<const std::byte> outgoing(schedule::OpId send_id, const schedule::Op& send) = 0;
  virtual void sent(const schedule::Op& send) = 0;
  /// Where the message goes. `slot` counts receive buffers of the edge, as in Backend::transfer.
  virtual std::span<std::byte> incoming(const schedule::Op& recv, int slot) = 0;
  virtual void received(const schedule::Op& recv, int slot) = 0;
};

/// One replica with an edge for every lane of transfers: rank d * tp + t is tensor-parallel rank t of device d. Throws
/// InputError where two lanes of a device go to one peer: their messages would have to share a group.
groups::ParallelLayout rank_layout(const schedule::Schedule& schedule, int tp = 1);

/// Every rank calls it with the same schedule; `ranks` has the layout of rank_layout. Rank 0 gets what happened on all
/// of them (rank_times.h), in seconds since the common start; the others get an empty timeline. Throws as check_runs
/// and rank_graph, GroupError, and what the backend throws.
traces::Timeline run_rank(const schedule::Schedule& schedule, groups::ParallelState& ranks, RankBackend& backend);

}  // namespace ppplan::exec
