// The best of several training orders, and a record of all that were made.
#pragma once

#include <string>
#include <vector>

#include "planner/schedule/rank_clocks.h"
#include "planner/schedule/searched_order.h"

namespace ppplan::schedule {

/// Whether `a` is shorter by the objective, or equal in it and shorter by the other one.
bool shorter(Objective objective, const Candidate& a, const Candidate& b);

class BestOrder {
 public:
  explicit BestOrder(Objective objective) : objective_(objective) {}

  /// Takes the clocks' order if it fits and beats all before.
  void add(const std::string& name, RankClocks& clocks);
  void add(Candidate candidate, TrainingOrder order);
  /// All that `other` tried, behind what was tried here; its best counts as added last.
  void add(BestOrder other);

  /// No order fits so far; there is then no best().
  bool empty() const { return winner_ < 0; }
  const Candidate& best() const { return tried_[static_cast<std::size_t>(winner_)]; }
  const TrainingOrder& order() const { return order_; }
  /// Best order, its name and all that were tried; the order has no ranks where none fits.
  SearchedOrder take();

 private:
  bool record(Candidate candidate);

  Objective objective_;
  TrainingOrder order_;
  std::vector<Candidate> tried_;
  int winner_ = -1;
};

}  // namespace ppplan::schedule
