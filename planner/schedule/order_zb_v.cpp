// After sail-sg zero-bubble-pipeline-parallelism, scheduler/zbv.py, read for its rules. Rank i holds stage i and stage
// 2p - 1 - i; "down" is the way of the first p stages, "up" the way of the others.
#include <algorithm>
#include <deque>

#include "planner/schedule/order_zb_auto.h"

namespace ppplan::schedule {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

class ZbV {
 public:
  ZbV(RankClocks& clocks, const ZbVVariant& variant)
      : c_(clocks), variant_(variant), p_(clocks.ranks()), waiting_(at(p_)) {
    for (const double idle_s : variant.known_idle_s) most_known_idle_s_ = std::max(most_known_idle_s_, idle_s);
  }

  bool run() {
    if (!first_micro_batches() || !level()) return false;
    for (int round = 0; round < 2 * c_.micro_batches(); ++round)
      if (!inputs() || !forwards()) return false;
    for (int i = 0; i < p_; ++i)
      while (!waiting_[at(i)].empty()) put_weight(i);
    return c_.within_limits();
  }

 private:
  int down(int i) const { return i; }
  int up(int i) const { return 2 * p_ - 1 - i; }
  int stage(int i, int way) const { return way == 0 ? down(i) : up(i); }

  bool put_forward(int stage) {
    const double arrival_s = c_.forward_arrival_s(stage);
    if (arrival_s == RankClocks::never) return false;
    c_.forward(stage, arrival_s);
    return c_.within_limits();
  }

  void put_weight(int i) {
    c_.weight_gradient(waiting_[at(i)].front());
    waiting_[at(i)].pop_front();
  }

  /// Forwards down as far as the first micro-batch's way back up leaves time and memory for.
  bool first_micro_batches() {
    for (int i = 0; i < p_; ++i)
      if (!put_forward(down(i))) return false;
    if (!put_forward(up(p_ - 1))) return false;
    for (int i = p_ - 2; i >= 0; --i) {
      const double arrives_s = c_.forward_arrival_s(up(i));
      const double reserved = (1 + i) * (c_.cost(down(i)).activation + c_.cost(up(i)).activation);
      while (c_.fits(i, reserved) && c_.free_s(i) + c_.cost(down(i)).forward_s <= arrives_s &&
             c_.more_forwards(down(i)))
        for (int j = 0; j <= i; ++j)
          if (!put_forward(down(j))) return false;
      if (!put_forward(up(i))) return false;
    }
    return true;
  }

  int both(int i) const { return c_.forwards(down(i)) + c_.forwards(up(i)); }

  /// Later ranks get as many forwards as earlier ones, down and up in turn.
  bool level() {
    int way = 0;
    for (int i = 1; i < p_; ++i)
      while (both(i) < both(i - 1) || (c_.forwards(up(i)) <= c_.forwards(up(i - 1)) && c_.more_forwards(up(i - 1)))) {
        for (int j = p_ - 1; j >= i; --j)
          if (c_.more_forwards(stage(j, way)) && !put_forward(stage(j, way))) return false;
        way = 1 - way;
      }
    return true;
  }

  /// How much longer than it has the rank may wait, for all that others wait.
  double allowed_wait_s(int i) const {
    double most_s = c_.most_idle_s();
    if (!variant_.known_idle_s.empty()) most_s = std::max(most_s, most_known_idle_s_ - variant_.known_idle_s[at(i)]);
    return most_s - c_.idle_s(i);
  }

  /// Weight gradients while `arrival_s` is away; one more if the wait is then longer than allowed and `overlap`.
  void fill_wait(int i, double arrival_s, bool overlap) {
    auto& waiting = waiting_[at(i)];
    while (!waiting.empty() && arrival_s >= c_.free_s(i) + c_.cost(waiting.front()).backward_weight_s) put_weight(i);
    if (!waiting.empty() && overlap && arrival_s - c_.free_s(i) > allowed_wait_s(i)) put_weight(i);
  }

  /// Whether the rank's next input gradient is of its first stage: that of its second stage has gone ahead, and the
  /// gradient from the next rank is there, or nothing else is left.
  bool takes_down(int i) const {
    if (c_.inputs(down(i)) >= c_.inputs(up(i))) return false;
    return i == p_ - 1 || c_.inputs(up(i)) >= c_.micro_batches() || c_.input_arrival_s(down(i)) != RankClocks::never;
  }

  bool put_input(int i, int stage, bool overlap) {
    const double arrival_s = c_.input_arrival_s(stage);
    if (arrival_s == RankClocks::never) return false;
    fill_wait(i, arrival_s, overlap);
    c_.input_gradient(stage, arrival_s);
    waiting_[at(i)].push_back(stage);
    return true;
  }

  /// One input gradient on every rank.
  bool inputs() {
    std::vector<char> takes(at(p_));
    for (int i = 0; i < p_; ++i) takes[at(i)] = takes_down(i) ? 1 : 0;
    for (int i = p_ - 1; i >= 0; --i)
      if (takes[at(i)] != 0 && !put_input(i, down(i), true)) return false;
    for (int i = 0; i < p_; ++i)
      if (takes[at(i)] == 0 && !put_input(i, up(i), variant_.fill_before_inputs)) return false;
    return true;
  }

  /// The stage of the rank's next forward; -1 if it has to wait for one.
  int next_forward(int i) const {
    if (c_.forwards(up(i)) >= c_.forwards(down(i))) return down(i);
    if (i == p_ - 1 || c_.forward_arrival_s(up(i)) != RankClocks::never) return up(i);
    const bool more = c_.more_forwards(down(i)) && c_.forward_arrival_s(down(i)) != RankClocks::never;
    return more ? down(i) : -1;
  }

  /// At most one forward on every rank.
  bool forwards() {
    for (int i = 0; i < p_; ++i) {
      const int next = c_.more_forwards(up(i)) ? next_forward(i) : -1;
      if (next < 0) continue;
      while (!c_.fits(i, c_.cost(next).activation) && !waiting_[at(i)].empty()) put_weight(i);
      if (c_.forward_arrival_s(next) == RankClocks::never) return false;
      fill_wait(i, c_.forward_arrival_s(next), variant_.fill_before_forwards);
      if (!put_forward(next)) return false;
    }
    return true;
  }

  RankClocks& c_;
  const ZbVVariant& variant_;
  const int p_;
  std::vector<std::deque<int>> waiting_;  // [rank]: stages whose weight gradients are still to be put, oldest first
  double most_known_idle_s_ = 0;
};

}  // namespace

bool zb_v(RankClocks& clocks, const ZbVVariant& variant) { return ZbV(clocks, variant).run(); }

}  // namespace ppplan::schedule
