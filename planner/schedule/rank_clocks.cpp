#include "planner/schedule/rank_clocks.h"

#include <algorithm>

namespace ppplan::schedule {

using traces::OpKind;

RankClocks::RankClocks(TrainingOrder layout, const TrainingCosts& costs, const std::vector<double>& limit)
    : order_(std::move(layout)),
      costs_(costs),
      micro_batches_(order_.micro_batches),
      neighbours_(neighbours(order_)),
      counts_(order_.rank_of.size()),
      forward_end_(order_.rank_of.size() * at(micro_batches_), never),
      input_end_(forward_end_.size(), never),
      ranks_(order_.ranks.size()) {
  for (std::size_t s = 0; s < neighbours_.size(); ++s) {
    const int next = neighbours_[s].next;
    sends_s_.push_back(next < 0 || order_.rank_of[at(next)] == order_.rank_of[s] ? 0 : costs.stages[s].send_s);
  }
  // A sum of halves and thirds may miss the limit by its last digits.
  constexpr double forgiven = 1e-9;
  for (std::size_t r = 0; r < limit.size(); ++r) ranks_[r].limit = limit[r] * (1 + forgiven);
  const std::size_t a_rank = 3 * at(micro_batches_) * order_.rank_of.size() / ranks_.size();
  for (auto& actions : order_.ranks) actions.reserve(a_rank);
  for (const auto& pipe : order_.pipes) await_forward(pipe.front());
}

double RankClocks::arrival_s(bool gradient, int stage, int micro_batch) const {
  if (micro_batch >= micro_batches_) return never;
  if (!gradient) {
    const int previous = neighbours_[at(stage)].previous;
    return previous < 0 ? 0 : forward_end_[cell(previous, micro_batch)] + sends_s_[at(previous)];
  }
  const int next = neighbours_[at(stage)].next;
  if (next < 0) return forward_end_[cell(stage, micro_batch)];
  return input_end_[cell(next, micro_batch)] + sends_s_[at(stage)];
}

void RankClocks::await_forward(int stage) {
  Counts& counts = counts_[at(stage)];
  counts.forward_arrival_s = arrival_s(false, stage, counts.forward);
}

void RankClocks::await_input(int stage) {
  Counts& counts = counts_[at(stage)];
  counts.input_arrival_s = arrival_s(true, stage, counts.input);
}

/// Tells who waits for it: the next micro-batch of the stage comes next there, and this one goes on to a neighbour.
void RankClocks::forward_ended(int stage, int micro_batch) {
  await_forward(stage);
  const int next = neighbours_[at(stage)].next;
  if (next < 0 && inputs(stage) == micro_batch) await_input(stage);
  if (next >= 0 && forwards(next) == micro_batch) await_forward(next);
}

void RankClocks::input_ended(int stage, int micro_batch) {
  await_input(stage);
  const int previous = neighbours_[at(stage)].previous;
  if (previous >= 0 && inputs(previous) == micro_batch) await_input(previous);
}

/// The end of an action of `took_s` put behind the rank's last.
double RankClocks::place(int rank, double arrival_s, double took_s) {
  Clock& clock = ranks_[at(rank)];
  const double start_s = std::max(clock.free_s, arrival_s);
  if (order_.ranks[at(rank)].empty()) {
    clock.first_s = start_s;
  } else {
    clock.idle_s += start_s - clock.free_s;
    most_idle_s_ = std::max(most_idle_s_, clock.idle_s);
  }
  return clock.free_s = start_s + took_s;
}

void RankClocks::hold(Clock& clock, double more) {
  clock.held += more;
  if (clock.held > clock.limit) within_limits_ = false;
}

void RankClocks::forward(int stage, double arrival_s) {
  const int rank = order_.rank_of[at(stage)], micro_batch = counts_[at(stage)].forward++;
  forward_end_[cell(stage, micro_batch)] = place(rank, arrival_s, cost(stage).forward_s);
  forward_ended(stage, micro_batch);
  hold(ranks_[at(rank)], cost(stage).activation);
  order_.ranks[at(rank)].push_back({OpKind::forward, stage, micro_batch});
}

void RankClocks::input_gradient(int stage, double arrival_s) {
  const int rank = order_.rank_of[at(stage)], micro_batch = counts_[at(stage)].input++;
  input_end_[cell(stage, micro_batch)] = place(rank, arrival_s, cost(stage).backward_input_s);
  input_ended(stage, micro_batch);
  ranks_[at(rank)].held -= cost(stage).activation * costs_.released_by_input_gradient;
  order_.ranks[at(rank)].push_back({OpKind::backward_input, stage, micro_batch});
}

void RankClocks::weight_gradient(int stage) {
  const int rank = order_.rank_of[at(stage)], micro_batch = counts_[at(stage)].weight++;
  place(rank, 0, cost(stage).backward_weight_s);
  ranks_[at(rank)].held -= cost(stage).activation * (1 - costs_.released_by_input_gradient);
  order_.ranks[at(rank)].push_back({OpKind::backward_weight, stage, micro_batch});
}

void RankClocks::gradient(int stage, double arrival_s) {
  const int rank = order_.rank_of[at(stage)], micro_batch = counts_[at(stage)].input++;
  ++counts_[at(stage)].weight;
  input_end_[cell(stage, micro_batch)] =
      place(rank, arrival_s, cost(stage).backward_input_s + cost(stage).backward_weight_s);
  input_ended(stage, micro_batch);
  ranks_[at(rank)].held -= cost(stage).activation;
  order_.ranks[at(rank)].push_back({OpKind::backward, stage, micro_batch});
}

double RankClocks::makespan_s() const {
  double last_s = 0;
  for (const Clock& clock : ranks_) last_s = std::max(last_s, clock.free_s);
  return last_s;
}

double RankClocks::span_s() const {
  double most_s = 0;
  for (const Clock& clock : ranks_) most_s = std::max(most_s, clock.free_s - clock.first_s);
  return most_s;
}

}  // namespace ppplan::schedule
