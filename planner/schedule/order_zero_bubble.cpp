// Orders that split the gradients, so that weight gradients fill what would be idle.
#include <algorithm>

#include "planner/schedule/order_layout.h"
#include "planner/schedule/order_rules.h"

namespace ppplan::schedule {
namespace {

/// `warm_up` forwards; then forward, input gradient and, `lag` micro-batches later, its weight gradient.
void zero_bubble(RankOrder& rank, int stage, int micro_batches, int warm_up, int lag) {
  const int ahead = std::min(warm_up, micro_batches);
  for (int k = 0; k < ahead; ++k) rank.forward(stage, k);
  for (int k = 0; k < micro_batches; ++k) {
    rank.forward(stage, ahead + k);
    rank.input_gradient(stage, k);
    if (k >= lag) rank.weight_gradient(stage, k - lag);
  }
  for (int k = std::max(0, micro_batches - lag); k < micro_batches; ++k) rank.weight_gradient(stage, k);
}

}  // namespace

TrainingOrder zb_h1(int ranks, int micro_batches) {
  TrainingOrder order = looped_layout(ranks, micro_batches, 1);
  for (int i = 0; i < ranks; ++i) {
    RankOrder rank(order, i);
    zero_bubble(rank, i, micro_batches, ranks - 1 - i, i);
  }
  return order;
}

TrainingOrder zb_h2(int ranks, int micro_batches) {
  TrainingOrder order = looped_layout(ranks, micro_batches, 1);
  for (int i = 0; i < ranks; ++i) {
    RankOrder rank(order, i);
    zero_bubble(rank, i, micro_batches, 2 * (ranks - 1 - i), 2 * i);
  }
  return order;
}

namespace {

/// One rank of PyTorch's ZBV: counts of what was issued so far of its first and second chunk.
class ZbvRank {
 public:
  ZbvRank(TrainingOrder& order, int ranks, int index)
      : rank_(order, index), stage_{index, 2 * ranks - 1 - index}, p_(ranks), i_(index) {}

  /// The rule needs 2p - 1 micro-batches; what the order lacks of them is left out.
  void run(int micro_batches) {
    const int count = std::max(micro_batches, 2 * p_ - 1);
    warm_up();
    while (forwards_[1] < forwards_[0] || forwards_[0] < count) {
      if (forwards_[0] < count) forward(0);
      whole_backward(0);
      forward(1);
      whole_backward(1);
    }
    cool_down();
  }

 private:
  void forward(int chunk) { rank_.forward(stage_[chunk], forwards_[chunk]++); }
  void input_gradient(int chunk) { rank_.input_gradient(stage_[chunk], inputs_[chunk]++); }
  void weight_gradient(int chunk) { rank_.weight_gradient(stage_[chunk], weights_[chunk]++); }
  void whole_backward(int chunk) {
    input_gradient(chunk);
    weight_gradient(chunk);
  }

  void warm_up() {
    for (int k = 0; k < 2 * (p_ - i_) - 1; ++k) forward(0);
    for (int k = 0; k < i_; ++k) {
      forward(1);
      forward(0);
    }
    for (int k = 0; k < p_ - i_; ++k) {
      forward(1);
      whole_backward(1);
    }
  }

  void cool_down() {
    for (int k = 0; k < i_; ++k) {
      input_gradient(0);
      input_gradient(1);
    }
    for (int k = 0; k < p_ - i_; ++k) whole_backward(0);
    while (weights_[1] < inputs_[1]) weight_gradient(1);
    while (weights_[0] < inputs_[0]) weight_gradient(0);
  }

  RankOrder rank_;
  int stage_[2];
  int p_, i_;
  int forwards_[2] = {0, 0}, inputs_[2] = {0, 0}, weights_[2] = {0, 0};
};

}  // namespace

TrainingOrder zbv(int ranks, int micro_batches) {
  TrainingOrder order = v_layout(ranks, micro_batches);
  for (int i = 0; i < ranks; ++i) ZbvRank(order, ranks, i).run(micro_batches);
  return order;
}

}  // namespace ppplan::schedule
