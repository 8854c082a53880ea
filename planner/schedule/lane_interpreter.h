// Interprets the lanes of a schedule as schedule.h describes, without a clock that ticks: an op starts at the latest
// end of what it waited for, so each op is settled once, as soon as nothing it waits for is open, in whatever order
// that happens. Linear in ops, `after` entries and lanes.
#pragma once

#include <span>
#include <vector>

#include "planner/schedule/schedule.h"

namespace ppplan::schedule {

class LaneInterpreter {
 public:
  /// `duration_s[id]` of every op. Needs a schedule without faults; keeps references to both.
  LaneInterpreter(const Schedule& schedule, std::span<const double> duration_s);

  /// Runs until nothing moves.
  void run();

  bool ended(OpId id) const { return ended_[index(id)]; }
  double start_s(OpId id) const { return start_s_[index(id)]; }
  double end_s(OpId id) const { return end_s_[index(id)]; }
  /// The first op that did not end of every lane that did not finish.
  std::vector<OpId> stuck() const;

 private:
  /// The ops issued together at the head of a lane are ops[begin, end).
  struct LaneState {
    const Lane* lane = nullptr;
    std::size_t begin = 0, end = 0;
    std::size_t open = 0;  // of them, not ended
    double free_s = 0;     // when everything before them ended
    double latest_end_s = 0;
  };
  static std::size_t index(OpId id) { return static_cast<std::size_t>(id); }
  const Op& op(OpId id) const { return schedule_.ops[index(id)]; }

  void place_lanes();
  void place_consumers();
  void issue_next(LaneState& lane);
  bool passes(OpId waiting, std::span<const OpId> required, std::size_t& cursor);
  void attempt(OpId id);
  void attempt_transfer(OpId recv);
  void settle(OpId id, double start_s, double end_s);

  const Schedule& schedule_;
  std::span<const double> duration_s_;
  std::vector<LaneState> lanes_;
  std::vector<std::size_t> lane_of_;           // [op]
  std::vector<OpId> needs_buffer_of_;          // [op] of a Recv: the Recv whose buffer it takes over, or -1
  std::vector<OpList> releases_;               // [op] of a Recv: itself and its consumers, which free its buffer
  std::vector<std::size_t> after_cursor_;      // [op] entries of `after` that are known to have ended
  std::vector<std::size_t> buffer_cursor_;     // [op] entries of releases_ that are known to have ended
  std::vector<OpList> waiters_;                // [op] to attempt again once it ends
  std::vector<char> issued_, posted_, ended_;  // [op]
  std::vector<double> ready_s_, start_s_, end_s_;
  std::vector<OpId> attempts_;
};

}  // namespace ppplan::schedule
