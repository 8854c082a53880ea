// Ranks that are given one action after another, each as early as it can run: what a rule that decides by time asks
// for while it builds an order. One pipe; micro-batches pass every stage in order.
#pragma once

#include <limits>
#include <vector>

#include "planner/schedule/training_costs.h"
#include "planner/schedule/training_order.h"

namespace ppplan::schedule {

class RankClocks {
 public:
  /// `layout` has no actions yet. `limit` [rank] of activations; empty = none.
  RankClocks(TrainingOrder layout, const TrainingCosts& costs, const std::vector<double>& limit);

  static constexpr double never = std::numeric_limits<double>::infinity();

  /// How many of them the stage was given.
  int forwards(int stage) const { return counts_[at(stage)].forward; }
  int inputs(int stage) const { return counts_[at(stage)].input; }
  int weights(int stage) const { return counts_[at(stage)].weight; }
  bool more_forwards(int stage) const { return forwards(stage) < micro_batches_; }

  /// When what the stage's next forward or input gradient needs has arrived; `never` while that was not given yet.
  double forward_arrival_s(int stage) const { return counts_[at(stage)].forward_arrival_s; }
  double input_arrival_s(int stage) const { return counts_[at(stage)].input_arrival_s; }

  /// The stage's next one. The arrival must be known.
  void forward(int stage) { forward(stage, forward_arrival_s(stage)); }
  void input_gradient(int stage) { input_gradient(stage, input_arrival_s(stage)); }
  void forward(int stage, double arrival_s);
  void input_gradient(int stage, double arrival_s);
  void weight_gradient(int stage);
  /// Both gradients as one action.
  void gradient(int stage, double arrival_s);

  double free_s(int rank) const { return ranks_[at(rank)].free_s; }
  double held(int rank) const { return ranks_[at(rank)].held; }
  /// Waited since its first action.
  double idle_s(int rank) const { return ranks_[at(rank)].idle_s; }
  double most_idle_s() const { return most_idle_s_; }
  /// Whether so much more would still fit; rounding is forgiven.
  bool fits(int rank, double more) const { return held(rank) + more <= ranks_[at(rank)].limit; }
  /// No action ever went over a limit.
  bool within_limits() const { return within_limits_; }

  double makespan_s() const;
  double span_s() const;
  TrainingOrder take() { return std::move(order_); }

  const std::vector<int>& pipe() const { return order_.pipes.front(); }
  int rank_of(int stage) const { return order_.rank_of[at(stage)]; }
  int next(int stage) const { return neighbours_[at(stage)].next; }
  int previous(int stage) const { return neighbours_[at(stage)].previous; }
  int ranks() const { return static_cast<int>(ranks_.size()); }
  int micro_batches() const { return micro_batches_; }
  const StageTraining& cost(int stage) const { return costs_.stages[at(stage)]; }
  double released_by_input_gradient() const { return costs_.released_by_input_gradient; }

 private:
  struct Counts {
    int forward = 0, input = 0, weight = 0;
    double forward_arrival_s = never, input_arrival_s = never;  // of the next one
  };
  struct Clock {
    double free_s = 0, first_s = 0, idle_s = 0, held = 0, limit = never;
  };
  static std::size_t at(int index) { return static_cast<std::size_t>(index); }
  std::size_t cell(int stage, int micro_batch) const { return at(stage) * at(micro_batches_) + at(micro_batch); }
  double arrival_s(bool gradient, int stage, int micro_batch) const;
  void await_forward(int stage);
  void await_input(int stage);
  void forward_ended(int stage, int micro_batch);
  void input_ended(int stage, int micro_batch);
  double place(int rank, double arrival_s, double took_s);
  void hold(Clock& clock, double more);

  TrainingOrder order_;
  const TrainingCosts& costs_;
  int micro_batches_;
  std::vector<Neighbours> neighbours_;
  std::vector<double> sends_s_;                  // [stage]: to the next one; 0 on the same rank
  std::vector<Counts> counts_;                   // [stage]
  std::vector<double> forward_end_, input_end_;  // [stage x micro-batch]
  std::vector<Clock> ranks_;
  double most_idle_s_ = 0;
  bool within_limits_ = true;
};

}  // namespace ppplan::schedule
