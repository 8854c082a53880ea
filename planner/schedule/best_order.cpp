#include "planner/schedule/best_order.h"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace ppplan::schedule {
namespace {

/// Whether `a` is shorter than `b`; a difference that rounding makes is none.
int compared(double a, double b) {
  constexpr double same = 1e-12;
  if (a < b * (1 - same)) return -1;
  return a > b * (1 + same) ? 1 : 0;
}

}  // namespace

bool shorter(Objective objective, const Candidate& a, const Candidate& b) {
  const bool barrier = objective == Objective::barrier;
  const int first = barrier ? compared(a.makespan_s, b.makespan_s) : compared(a.span_s, b.span_s);
  if (first != 0) return first < 0;
  return (barrier ? compared(a.span_s, b.span_s) : compared(a.makespan_s, b.makespan_s)) < 0;
}

bool BestOrder::record(Candidate candidate) {
  const bool better =
      candidate.fits && (winner_ < 0 || shorter(objective_, candidate, tried_[static_cast<std::size_t>(winner_)]));
  tried_.push_back(std::move(candidate));
  if (better) winner_ = static_cast<int>(tried_.size()) - 1;
  return better;
}

void BestOrder::add(const std::string& name, RankClocks& clocks) {
  if (record({name, clocks.makespan_s(), clocks.span_s(), clocks.within_limits()})) order_ = clocks.take();
}

void BestOrder::add(Candidate candidate, TrainingOrder order) {
  if (record(std::move(candidate))) order_ = std::move(order);
}

void BestOrder::add(BestOrder other) {
  if (!other.empty() && (empty() || shorter(objective_, other.best(), best()))) {
    winner_ = static_cast<int>(tried_.size()) + other.winner_;
    order_ = std::move(other.order_);
  }
  std::ranges::move(other.tried_, std::back_inserter(tried_));
}

SearchedOrder BestOrder::take() { return {std::move(order_), winner_ < 0 ? "" : best().name, std::move(tried_)}; }

}  // namespace ppplan::schedule
