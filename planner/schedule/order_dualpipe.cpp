// DualPipe and DualPipeV: forwards of one direction overlapped with backwards of the other, in eight steps.
#include <deque>

#include "planner/input/input_error.h"
#include "planner/schedule/order_layout.h"
#include "planner/schedule/order_rules.h"

namespace ppplan::schedule {
namespace {

/// One rank: side 0 is the stage that micro-batches reach first, side 1 the one that they reach last.
class DualRank {
 public:
  struct Side {
    int stage = 0;
    int first_micro_batch = 0;
  };
  /// `position` counts from the ends (0) to the middle (`half` - 1), which holds both stages next to the turn.
  DualRank(TrainingOrder& order, int rank, Side near, Side far, int position, int half)
      : rank_(order, rank), side_{near, far}, position_(position), outer_(half - position - 1) {}

  void run(int micro_batches_a_side, int half) {
    for (int k = 0; k < 2 * outer_; ++k) forward(0);
    for (int k = 0; k <= position_; ++k) {
      forward(0);
      forward(1);
    }
    for (int k = 0; k < outer_; ++k) {
      input_gradient(1);
      weight_gradient();
      forward(1);
    }
    for (int k = 0; k < micro_batches_a_side - 2 * half + position_ + 1; ++k) {
      k == 0 && outer_ == 0 ? first_of_the_middle() : pair(0, 1);
      pair(1, 0);
    }
    for (int k = 0; k < outer_; ++k) {
      backward(1);
      pair(1, 0);
    }
    drain();
  }

 private:
  void forward(int side) { rank_.forward(side_[side].stage, next(side, forwards_)); }
  void backward(int side) { rank_.backward(side_[side].stage, next(side, backwards_)); }
  void input_gradient(int side) {
    const int micro_batch = next(side, backwards_);
    rank_.input_gradient(side_[side].stage, micro_batch);
    open_.push_back({side_[side].stage, micro_batch});
  }
  void weight_gradient() {
    rank_.weight_gradient(open_.front().stage, open_.front().first_micro_batch);
    open_.pop_front();
  }
  void pair(int forward_side, int backward_side) {
    const int forwarded = next(forward_side, forwards_);
    rank_.pair(side_[forward_side].stage, forwarded, side_[backward_side].stage, next(backward_side, backwards_));
  }
  /// Its backward waits for a forward of its own neighbour, so the two don't overlap.
  void first_of_the_middle() {
    forward(0);
    backward(1);
  }

  /// The last backwards; in their second half the weight gradients are put off to fill the drain.
  void drain() {
    bool split = false;
    const int turn = (position_ + 1) / 2;
    for (int k = 0; k <= position_; ++k) {
      split = split || (k == turn && position_ % 2 == 1);
      split ? input_gradient(1) : backward(1);
      split = split || (k == turn && position_ % 2 == 0);
      split ? input_gradient(0) : backward(0);
    }
    for (int k = 0; k < outer_; ++k) {
      weight_gradient();
      input_gradient(0);
    }
    while (!open_.empty()) weight_gradient();
  }

  int next(int side, int (&counts)[2]) { return side_[side].first_micro_batch + counts[side]++; }

  RankOrder rank_;
  Side side_[2];
  int position_, outer_;
  int forwards_[2] = {0, 0}, backwards_[2] = {0, 0};
  std::deque<Side> open_;  // (stage, micro-batch) whose weight gradient is still to come
};

void require_even(int found, const std::string& what) {
  if (found % 2 != 0)
    throw input::InputError("schedule: expected an even number of " + what + " for DualPipe, found " +
                            std::to_string(found));
}

}  // namespace

TrainingOrder dualpipe(int ranks, int micro_batches) {
  TrainingOrder order = mirrored_layout(ranks, micro_batches);
  require_even(ranks, "ranks");
  require_even(micro_batches, "micro-batches");
  require_at_least(2 * ranks, micro_batches, "micro-batches for DualPipe, two a rank");
  const int half = ranks / 2, each = micro_batches / 2;
  for (int i = 0; i < ranks; ++i) {
    const DualRank::Side first{i, 0}, second{2 * ranks - 1 - i, each};
    const bool upper = i < half;
    DualRank(order, i, upper ? first : second, upper ? second : first, upper ? i : ranks - 1 - i, half).run(each, half);
  }
  return order;
}

TrainingOrder dualpipe_v(int ranks, int micro_batches) {
  TrainingOrder order = v_layout(ranks, micro_batches);
  require_at_least(2 * ranks, micro_batches, "micro-batches for DualPipeV, two a rank");
  for (int i = 0; i < ranks; ++i)
    DualRank(order, i, {i, 0}, {2 * ranks - 1 - i, 0}, i, ranks).run(micro_batches, ranks);
  return order;
}

}  // namespace ppplan::schedule
