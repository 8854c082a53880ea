#include "planner/verify/lane_replay.h"

#include <algorithm>

namespace ppplan::verify {
namespace {

class LaneReplay {
 public:
  LaneReplay(const ScheduleFacts& schedule, const Wiring& wiring)
      : schedule_(schedule),
        wiring_(wiring),
        ended_(schedule.ops.size()),
        place_(schedule.ops.size()),
        begin_(schedule.lanes.size()) {
    for (const PlannedLane& lane : schedule.lanes)
      for (std::size_t i = 0; i < lane.ops.size(); ++i) place_[lane.ops[i]] = i;
  }

  std::vector<std::size_t> run() {
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t lane = 0; lane < begin_.size(); ++lane)
        while (advance(lane)) moved = true;
    }
    std::vector<std::size_t> out;
    for (std::size_t op = 0; op < ended_.size(); ++op)
      if (!ended_[op]) out.push_back(op);
    return out;
  }

 private:
  /// The lane has issued ops[begin, issued_end): its head, and what follows it in the head's group.
  std::size_t issued_end(std::size_t lane) const {
    const auto& ops = schedule_.lanes[lane].ops;
    std::size_t end = std::min(begin_[lane] + 1, ops.size());
    const auto group = [&](std::size_t i) { return schedule_.ops[ops[i]].group; };
    while (end < ops.size() && group(begin_[lane]) >= 0 && group(end) == group(begin_[lane])) ++end;
    return end;
  }

  bool is_ready(std::size_t op) const {
    const std::size_t lane = schedule_.ops[op].lane;
    return place_[op] >= begin_[lane] && place_[op] < issued_end(lane) &&
           std::ranges::all_of(wiring_.after[op], [&](std::size_t other) { return ended_[other]; });
  }

  /// The transfer whose receive buffer this one takes over has ended, and so have its consumers. Token returns take
  /// none.
  bool has_buffer(std::size_t recv) const {
    const auto buffers = static_cast<std::size_t>(schedule_.receive_buffers);
    if (buffers == 0 || place_[recv] < buffers || schedule_.ops[recv].kind == "token_return") return true;
    const std::size_t before = schedule_.lanes[schedule_.ops[recv].lane].ops[place_[recv] - buffers];
    return ended_[before] &&
           std::ranges::all_of(wiring_.consumers[before], [&](std::size_t other) { return ended_[other]; });
  }

  bool can_end(std::size_t op) const {
    if (ended_[op] || !is_ready(op)) return false;
    const std::size_t partner = wiring_.partner[op];
    if (partner == none) return true;
    const bool receives = schedule_.lanes[schedule_.ops[op].lane].kind == "recv";
    return is_ready(partner) && has_buffer(receives ? op : partner);
  }

  bool has_ended(std::size_t lane, std::size_t end) const {
    const auto& ops = schedule_.lanes[lane].ops;
    for (std::size_t i = begin_[lane]; i < end; ++i)
      if (!ended_[ops[i]]) return false;
    return true;
  }

  /// Ends what can end of the issued ops, and moves on when all of them have. True when anything changed.
  bool advance(std::size_t lane) {
    const auto& ops = schedule_.lanes[lane].ops;
    if (begin_[lane] == ops.size()) return false;
    const std::size_t issued = issued_end(lane);
    bool moved = false;
    for (std::size_t i = begin_[lane]; i < issued; ++i) {
      if (!can_end(ops[i])) continue;
      ended_[ops[i]] = true;
      if (wiring_.partner[ops[i]] != none) ended_[wiring_.partner[ops[i]]] = true;
      moved = true;
    }
    if (!has_ended(lane, issued)) return moved;
    begin_[lane] = issued;
    return true;
  }

  const ScheduleFacts& schedule_;
  const Wiring& wiring_;
  std::vector<bool> ended_;
  std::vector<std::size_t> place_;  // [op] in its lane
  std::vector<std::size_t> begin_;  // [lane] first op that is not over
};

}  // namespace

std::vector<std::size_t> never_ending(const ScheduleFacts& schedule, const Wiring& wiring) {
  return LaneReplay(schedule, wiring).run();
}

}  // namespace ppplan::verify
