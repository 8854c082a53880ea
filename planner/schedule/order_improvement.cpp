#include "planner/schedule/order_improvement.h"

#include <algorithm>
#include <limits>
#include <random>

namespace ppplan::schedule {
namespace {

using traces::OpKind;
using Clock = std::chrono::steady_clock;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

/// One action with what it needs from elsewhere and what it does to its rank's memory.
struct Node {
  int rank = 0;
  int needs = -1;  // node
  double lag_s = 0, took_s = 0;
  double taken = 0, given = 0;  // activations: at its start, at its end
};

struct Length {
  double first_s = std::numeric_limits<double>::infinity();  // of the objective
  double other_s = 0;
  double ends_s = 0;  // mean end of the ranks: tells plateaus apart
  double cost() const { return first_s + 1e-3 * other_s + 1e-4 * ends_s; }
};

/// Nodes of an order, their sequences, and the times that these give.
class Sequences {
 public:
  Sequences(const TrainingOrder& order, const TrainingCosts& costs, const std::vector<double>& limit,
            Objective objective)
      : order_(order), limit_(limit), objective_(objective), of_rank_(order.ranks.size()) {
    number(costs);
    end_s_.resize(nodes_.size());
    waiter_.resize(nodes_.size());
    place_.resize(nodes_.size());
    for (auto& sequence : of_rank_) index(sequence, 0, sequence.size());
  }

  const std::vector<int>& sequence(int rank) const { return of_rank_[at(rank)]; }
  const Node& node(int id) const { return nodes_[at(id)]; }
  int place(int id) const { return place_[at(id)]; }

  /// Moves the action at `from` of the rank to `to`.
  void shift(int rank, int from, int to) {
    auto& sequence = of_rank_[at(rank)];
    const auto begin = sequence.begin();
    if (from < to) std::rotate(begin + from, begin + from + 1, begin + to + 1);
    if (to < from) std::rotate(begin + to, begin + from, begin + from + 1);
    index(sequence, at(std::min(from, to)), at(std::max(from, to)) + 1);
  }

  bool fits(int rank) const {
    if (limit_.empty()) return true;
    double held = 0;
    const double most = limit_[at(rank)] * (1 + 1e-9);
    for (const int id : of_rank_[at(rank)]) {
      held += node(id).taken;
      if (held > most) return false;
      held -= node(id).given;
    }
    return true;
  }

  /// Infinite where the ranks wait for one another.
  Length measure() {
    std::ranges::fill(end_s_, open);
    std::ranges::fill(waiter_, -1);
    done_.assign(of_rank_.size(), 0);
    awake_.clear();
    for (int r = static_cast<int>(of_rank_.size()); r-- > 0;) awake_.push_back(r);
    while (!awake_.empty()) {
      const int rank = awake_.back();
      awake_.pop_back();
      advance(rank);
    }
    return length();
  }

  double end_s(int id) const { return end_s_[at(id)]; }
  double start_s(int id) const { return end_s(id) - node(id).took_s; }
  /// The node that the length hangs on.
  int last_node() const { return last_; }

  TrainingOrder order() const {
    TrainingOrder out = order_;
    for (std::size_t r = 0; r < of_rank_.size(); ++r)
      for (std::size_t i = 0; i < of_rank_[r].size(); ++i) out.ranks[r][i] = actions_[at(of_rank_[r][i])];
    return out;
  }

 private:
  static constexpr double open = -1;

  void index(const std::vector<int>& sequence, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) place_[at(sequence[i])] = static_cast<int>(i);
  }

  std::size_t cell(int stage, int micro_batch) const { return at(stage) * at(order_.micro_batches) + at(micro_batch); }

  void number(const TrainingCosts& costs) {
    std::vector<int> forward(order_.rank_of.size() * at(order_.micro_batches), -1), gradient(forward);
    for (std::size_t r = 0; r < order_.ranks.size(); ++r)
      for (const Action& action : order_.ranks[r]) {
        const int id = static_cast<int>(actions_.size());
        of_rank_[r].push_back(id);
        actions_.push_back(action);
        if (action.kind == OpKind::forward) forward[cell(action.stage, action.micro_batch)] = id;
        if (action.kind == OpKind::backward || action.kind == OpKind::backward_input)
          gradient[cell(action.stage, action.micro_batch)] = id;
      }
    const std::vector<Neighbours> around = neighbours(order_);
    for (const Action& action : actions_) nodes_.push_back(node_of(action, costs, around, forward, gradient));
  }

  Node node_of(const Action& action, const TrainingCosts& costs, const std::vector<Neighbours>& around,
               const std::vector<int>& forward, const std::vector<int>& gradient) const {
    const StageTraining& cost = costs.stages[at(action.stage)];
    Node node{.rank = order_.rank_of[at(action.stage)]};
    const double freed = cost.activation * costs.released_by_input_gradient;
    const auto from = [&](int stage, const std::vector<int>& made, double send_s) {
      node.needs = made[cell(stage, action.micro_batch)];
      if (order_.rank_of[at(stage)] != node.rank) node.lag_s = send_s;
    };
    if (action.kind == OpKind::forward) {
      node.took_s = cost.forward_s;
      node.taken = cost.activation;
      const int previous = around[at(action.stage)].previous;
      if (previous >= 0) from(previous, forward, costs.stages[at(previous)].send_s);
    } else if (action.kind == OpKind::backward_weight) {
      node.took_s = cost.backward_weight_s;
      node.given = cost.activation - freed;
      from(action.stage, gradient, 0);
    } else {
      const bool whole = action.kind == OpKind::backward;
      node.took_s = cost.backward_input_s + (whole ? cost.backward_weight_s : 0);
      node.given = whole ? cost.activation : freed;
      const int next = around[at(action.stage)].next;
      if (next >= 0)
        from(next, gradient, cost.send_s);
      else
        from(action.stage, forward, 0);
    }
    return node;
  }

  void advance(int rank) {
    const std::vector<int>& sequence = of_rank_[at(rank)];
    std::size_t& done = done_[at(rank)];
    double now_s = done > 0 ? end_s_[at(sequence[done - 1])] : 0;
    for (; done < sequence.size(); ++done) {
      const int id = sequence[done];
      const Node& node = nodes_[at(id)];
      if (node.needs >= 0) {
        const double needed_s = end_s_[at(node.needs)];
        if (needed_s == open) {
          waiter_[at(node.needs)] = rank;
          return;
        }
        now_s = std::max(now_s, needed_s + node.lag_s);
      }
      now_s += node.took_s;
      end_s_[at(id)] = now_s;
      if (waiter_[at(id)] >= 0 && waiter_[at(id)] != rank) awake_.push_back(waiter_[at(id)]);
    }
  }

  Length length() {
    double makespan_s = 0, span_s = 0, sum_s = 0;
    int last_of_makespan = -1, last_of_span = -1;
    for (std::size_t r = 0; r < of_rank_.size(); ++r) {
      const std::vector<int>& sequence = of_rank_[r];
      if (done_[r] < sequence.size()) return {};
      if (sequence.empty()) continue;
      const double ends_s = end_s(sequence.back()), used_s = ends_s - start_s(sequence.front());
      if (last_of_makespan < 0 || ends_s > makespan_s) last_of_makespan = sequence.back();
      if (last_of_span < 0 || used_s > span_s) last_of_span = sequence.back();
      makespan_s = std::max(makespan_s, ends_s);
      span_s = std::max(span_s, used_s);
      sum_s += ends_s;
    }
    const bool barrier = objective_ == Objective::barrier;
    last_ = barrier ? last_of_makespan : last_of_span;
    const double mean_s = sum_s / static_cast<double>(of_rank_.size());
    return barrier ? Length{makespan_s, span_s, mean_s} : Length{span_s, makespan_s, mean_s};
  }

  const TrainingOrder order_;
  const std::vector<double>& limit_;
  const Objective objective_;
  std::vector<Action> actions_;            // [node]
  std::vector<Node> nodes_;                // [node]
  std::vector<std::vector<int>> of_rank_;  // [rank]: nodes in order
  std::vector<int> place_;                 // [node]: in its rank's sequence
  std::vector<double> end_s_;              // [node]
  std::vector<int> waiter_;                // [node]: the rank that waits for it, or -1
  std::vector<std::size_t> done_;          // [rank]
  std::vector<int> awake_;
  int last_ = -1;
};

struct Move {
  int rank = -1, from = 0, to = 0;
};

class LocalSearch {
 public:
  LocalSearch(Sequences& sequences, const ImprovementLimits& limits)
      : s_(sequences), limits_(limits), random_(limits.seed) {}

  Improvement run() {
    now_ = s_.measure();
    Improvement out;
    best_ = now_;
    out.order = s_.order();
    std::vector<double> history(history_length, now_.cost());
    trace();
    for (; out.moves < limits_.moves && !path_.empty() && best_.first_s > limits_.bound_s * (1 + 1e-12); ++out.moves) {
      if (out.moves % 64 == 0 && Clock::now() > limits_.deadline) {
        out.cut_short = true;
        break;
      }
      double& before = history[static_cast<std::size_t>(out.moves) % history_length];
      if (step(before)) {
        trace();
        if (better(now_, best_)) {
          best_ = now_;
          out.order = s_.order();
        }
      }
      before = std::min(before, now_.cost());
    }
    return out;
  }

 private:
  static constexpr std::size_t history_length = 200;

  static bool better(const Length& a, const Length& b) {
    if (a.first_s != b.first_s) return a.first_s < b.first_s * (1 - 1e-13);
    return a.other_s < b.other_s * (1 - 1e-13);
  }

  int draw(int low, int high) { return low + static_cast<int>(random_() % static_cast<unsigned>(high - low + 1)); }

  /// The critical path: nodes that start when the one before them on their rank ends.
  void trace() {
    path_.clear();
    for (int id = s_.last_node(); id >= 0;) {
      const int place = s_.place(id), before = place > 0 ? s_.sequence(s_.node(id).rank)[at(place - 1)] : -1;
      const int needs = s_.node(id).needs;
      // An action starts exactly when one of the two lets it.
      const double by_rank_s = before >= 0 ? s_.end_s(before) : 0;
      const double by_need_s = needs >= 0 ? s_.end_s(needs) + s_.node(id).lag_s : 0;
      if (before >= 0 && by_rank_s >= by_need_s) {
        path_.push_back(id);
        id = before;
      } else {
        id = needs;
      }
    }
  }

  /// A critical action earlier, or the one before it later.
  Move propose() {
    const int id = path_[at(draw(0, static_cast<int>(path_.size()) - 1))], place = s_.place(id);
    const int rank = s_.node(id).rank, last = static_cast<int>(s_.sequence(rank).size()) - 1;
    const int far = draw(0, 3) == 0 ? 24 : 3;
    if (draw(0, 1) == 0) return {rank, place, std::max(0, place - draw(1, far))};
    return {rank, place - 1, std::min(last, place - 1 + draw(1, far))};
  }

  /// Tries a move; it stays if the result is no longer than now or than `before`.
  bool step(double before) {
    const Move move = propose();
    s_.shift(move.rank, move.from, move.to);
    if (s_.fits(move.rank)) {
      const Length length = s_.measure();
      if (length.cost() <= std::max(before, now_.cost())) {
        now_ = length;
        return true;
      }
    }
    s_.shift(move.rank, move.to, move.from);
    return false;
  }

  Sequences& s_;
  const ImprovementLimits& limits_;
  std::mt19937_64 random_;
  Length now_, best_;
  std::vector<int> path_;
};

bool has_pairs(const TrainingOrder& order) {
  return std::ranges::any_of(order.ranks, [](const auto& actions) {
    return std::ranges::any_of(actions, [](const Action& a) { return a.kind == OpKind::forward_backward; });
  });
}

}  // namespace

Improvement improved(TrainingOrder order, const TrainingCosts& costs, const std::vector<double>& memory_limit,
                     Objective objective, const ImprovementLimits& limits) {
  if (has_pairs(order)) return {.order = std::move(order)};
  Sequences sequences(order, costs, memory_limit, objective);
  return LocalSearch(sequences, limits).run();
}

}  // namespace ppplan::schedule
