// After sail-sg zero-bubble-pipeline-parallelism, scheduler/zb.py, read for its rules. Rank i holds stage i.
#include "planner/schedule/order_zb_auto.h"

#include <algorithm>

namespace ppplan::schedule {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

class ZbAuto {
 public:
  ZbAuto(RankClocks& clocks, const ZbAutoVariant& variant)
      : c_(clocks), variant_(variant), last_(clocks.ranks() - 1), asked_(at(clocks.ranks())) {}

  void run() {
    warm_up();
    for (int k = 1; k < c_.micro_batches(); ++k) {
      choose_forwards();
      for (int i = 0; i <= last_; ++i)
        if (asked_[at(i)] > 0) put_forward(i);
      for (int i = last_; i >= 0; --i) put_input(i);
    }
    for (int i = 0; i <= last_; ++i)
      while (c_.weights(i) < c_.micro_batches()) c_.weight_gradient(i);
  }

 private:
  double send_s(int stage) const { return c_.cost(stage).send_s; }

  void warm_up() {
    for (int i = 0; i <= last_; ++i) c_.forward(i);
    count_warm_up();
    for (int i = 1; i <= last_; ++i)
      while (asked_[at(i)] > 0 && asked_[at(i)] >= asked_[at(i - 1)] &&
             c_.forwards(i) + asked_[at(i)] < c_.micro_batches())
        --asked_[at(i)];
    for (int i = 0; i <= last_; ++i)
      for (int k = 0; k < asked_[at(i)]; ++k) c_.forward(i);
    for (int i = last_; i >= 0; --i) c_.input_gradient(i);
  }

  /// How many forwards fit in before a rank's first input gradient can come, from the last rank up.
  void count_warm_up() {
    double gradient_s = c_.free_s(last_) + c_.cost(last_).backward_input_s;
    for (int i = last_ - 1; i >= 0; --i) {
      const StageTraining& cost = c_.cost(i);
      const double arrives_s = gradient_s + send_s(i);
      double more = 0, ends_s = c_.free_s(i);
      int& count = asked_[at(i)];
      while (c_.forwards(i) + count < c_.micro_batches() && c_.fits(i, more + cost.activation)) {
        if (variant_.bubble_before_first_input ? ends_s + cost.forward_s > arrives_s : ends_s >= arrives_s) break;
        more += cost.activation;
        ends_s += cost.forward_s;
        ++count;
      }
      gradient_s = std::max(ends_s, arrives_s) + cost.backward_input_s;
    }
  }

  void choose_forwards() {
    for (int i = 0; i <= last_; ++i) asked_[at(i)] = c_.more_forwards(i) && !leave_out(i) ? 1 : 0;
    for (int i = last_ - 1; i >= 0; --i) asked_[at(i)] = std::min(asked_[at(i)], asked_[at(i + 1)]);
  }

  /// Whether rank i should rather take its next input gradient at once: it is well ahead of the next rank, and a
  /// forward with the weight gradients that make room for it would come in the way.
  bool leave_out(int i) const {
    if (!variant_.inputs_first || i == last_ || c_.forwards(i) < c_.forwards(i + 1) + 2) return false;
    const double input_s = c_.free_s(i + 1) + c_.cost(i + 1).forward_s + c_.cost(i + 1).backward_input_s + send_s(i);
    if (c_.free_s(i) >= input_s) return true;
    const StageTraining& cost = c_.cost(i);
    const double freed = cost.activation * (1 - released());
    int weights = 0;
    while (!c_.fits(i, cost.activation - weights * freed) && c_.weights(i) + weights < c_.inputs(i)) ++weights;
    if (c_.free_s(i) + cost.forward_s + weights * cost.backward_weight_s <= input_s) return false;
    return input_s - c_.free_s(i) <= c_.most_idle_s() - c_.idle_s(i);
  }

  double released() const { return c_.released_by_input_gradient(); }

  void make_room(int i) {
    while (!c_.fits(i, c_.cost(i).activation) && c_.weights(i) < c_.inputs(i)) c_.weight_gradient(i);
  }

  /// Weight gradients that fit into the wait; one more where the rank would else wait longer than any did so far.
  void fill_wait(int i, double until_s) {
    while (c_.weights(i) < c_.inputs(i) && c_.free_s(i) + c_.cost(i).backward_weight_s <= until_s)
      c_.weight_gradient(i);
    if (c_.weights(i) >= c_.inputs(i) || c_.free_s(i) >= until_s) return;
    const bool may_wait = until_s - c_.free_s(i) <= c_.most_idle_s() - c_.idle_s(i);
    if (!may_wait || variant_.weights_in_short_waits) c_.weight_gradient(i);
  }

  void put_forward(int i) {
    make_room(i);
    if (i > 0) fill_wait(i, c_.forward_arrival_s(i));
    c_.forward(i);
  }

  void put_input(int i) {
    if (i < last_) fill_wait(i, c_.input_arrival_s(i));
    if (i == 0 && !c_.more_forwards(0))
      while (c_.weights(0) < c_.inputs(0)) c_.weight_gradient(0);
    c_.input_gradient(i);
  }

  RankClocks& c_;
  const ZbAutoVariant& variant_;
  const int last_;
  std::vector<int> asked_;  // [rank]: forwards to give it next
};

}  // namespace

ZbAutoVariant zb_auto_variant(int index) { return {(index & 4) == 0, (index & 2) == 0, (index & 1) == 0}; }

std::string name(const ZbAutoVariant& variant) {
  return std::string("greedy") + (variant.bubble_before_first_input ? ", bubble before the first gradient" : "") +
         (variant.inputs_first ? ", input gradients first" : "") +
         (variant.weights_in_short_waits ? ", weight gradients in short waits" : "");
}

void zb_auto(RankClocks& clocks, const ZbAutoVariant& variant) { ZbAuto(clocks, variant).run(); }

}  // namespace ppplan::schedule
