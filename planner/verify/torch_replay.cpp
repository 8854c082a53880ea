#include "planner/verify/torch_replay.h"

#include <deque>
#include <map>

namespace ppplan::verify {
namespace {

using schedule::TorchAction;
using schedule::TorchKind;

/// (true of outputs, false of gradients; stage that made it; micro-batch)
using Outcome = std::tuple<bool, int, int>;

bool is_forward(TorchKind kind) {
  return kind == TorchKind::forward || kind == TorchKind::send_f || kind == TorchKind::recv_f;
}
bool is_send(TorchKind kind) { return kind == TorchKind::send_f || kind == TorchKind::send_b; }

/// What a transfer carries, or a computation makes.
Outcome carried(const TorchAction& action) {
  const bool forward = is_forward(action.kind);
  const bool received = schedule::is_torch_transfer(action.kind) && !is_send(action.kind);
  return {forward, action.stage + (received ? (forward ? -1 : 1) : 0), action.micro_batch};
}

class Replay {
 public:
  Replay(const PlacedRows& rows, bool transfers) : rows_(rows), transfers_(transfers), ranks_(rows.size()) {
    for (std::size_t r = 0; r < rows.size(); ++r)
      for (const PlacedAction& placed : rows[r])
        if (placed.action.micro_batch >= 0) rank_of_[placed.action.stage] = r;
  }

  std::vector<PlacedAction> run() {
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t r = 0; r < ranks_.size(); ++r) moved = advance(r) || moved;
      for (std::size_t r = 0; r < ranks_.size(); ++r) moved = meet(r) || moved;
    }
    std::vector<PlacedAction> stuck;
    for (std::size_t r = 0; r < ranks_.size(); ++r) {
      if (!ranks_[r].posted.empty())
        stuck.push_back(*ranks_[r].posted.front());
      else if (ranks_[r].next < rows_[r].size())
        stuck.push_back(rows_[r][ranks_[r].next]);
    }
    return stuck;
  }

 private:
  struct Rank {
    std::size_t next = 0;
    std::deque<const PlacedAction*> posted;  // transfers that did not end
    std::set<Outcome> here;                  // made here or received
    std::set<std::pair<int, int>> forwarded;
  };

  bool awaits(std::size_t rank, const TorchAction& action) const {
    if (action.kind == TorchKind::weight_gradient || !schedule::is_torch_compute(action.kind)) return false;
    const bool forward = action.kind == TorchKind::forward;
    const int from = action.stage + (forward ? -1 : 1);
    const Rank& own = ranks_[rank];
    if (!forward && !own.forwarded.contains({action.stage, action.micro_batch})) return true;
    const auto maker = rank_of_.find(from);
    if (maker == rank_of_.end()) return false;
    const Outcome needed{forward, from, action.micro_batch};
    const bool remote = transfers_ && maker->second != rank;
    return !(remote ? own.here : ranks_[maker->second].here).contains(needed);
  }

  /// Takes actions off the row until one has to wait.
  bool advance(std::size_t r) {
    Rank& rank = ranks_[r];
    const std::size_t before = rank.next;
    for (; rank.next < rows_[r].size(); ++rank.next) {
      const PlacedAction& placed = rows_[r][rank.next];
      const TorchAction& action = placed.action;
      if (schedule::is_torch_transfer(action.kind)) {
        if (transfers_ && is_send(action.kind) && !rank.here.contains(carried(action))) break;
        if (transfers_) rank.posted.push_back(&placed);
        continue;
      }
      if (awaits(r, action)) break;
      if (action.kind == TorchKind::forward) rank.forwarded.insert({action.stage, action.micro_batch});
      if (schedule::is_torch_compute(action.kind) && action.kind != TorchKind::weight_gradient)
        rank.here.insert(carried(action));
    }
    return rank.next > before;
  }

  /// Ends the transfer at the head of a rank's communicator when its other end heads the peer's.
  bool meet(std::size_t r) {
    Rank& rank = ranks_[r];
    if (rank.posted.empty() || !is_send(rank.posted.front()->action.kind)) return false;
    const TorchAction& send = rank.posted.front()->action;
    const auto peer = rank_of_.find(send.stage + (is_forward(send.kind) ? 1 : -1));
    if (peer == rank_of_.end() || ranks_[peer->second].posted.empty()) return false;
    const TorchAction& recv = ranks_[peer->second].posted.front()->action;
    if (is_send(recv.kind) || is_forward(recv.kind) != is_forward(send.kind) || carried(recv) != carried(send))
      return false;
    ranks_[peer->second].here.insert(carried(recv));
    ranks_[peer->second].posted.pop_front();
    rank.posted.pop_front();
    return true;
  }

  const PlacedRows& rows_;
  bool transfers_;
  std::vector<Rank> ranks_;
  std::map<int, std::size_t> rank_of_;  // by stage
};

}  // namespace

PlacedRows placed_rows(const schedule::TorchSchedule& schedule) {
  PlacedRows out(schedule.rows.size());
  for (std::size_t r = 0; r < out.size(); ++r)
    for (std::size_t column = 0; column < schedule.rows[r].size(); ++column) {
      const auto& action = schedule.rows[r][column];
      if (!action) continue;
      if (action->parts.empty()) out[r].push_back({*action, schedule::torch_place(r, column)});
      for (const TorchAction& part : action->parts) out[r].push_back({part, schedule::torch_place(r, column)});
    }
  return out;
}

std::vector<PlacedAction> never_ending(const PlacedRows& rows, bool transfers) { return Replay(rows, transfers).run(); }

}  // namespace ppplan::verify
