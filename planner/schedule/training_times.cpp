#include "planner/schedule/training_times.h"

#include <algorithm>
#include <optional>

#include "planner/input/input_error.h"

namespace ppplan::schedule {
namespace {

using traces::OpKind;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

constexpr double kOpen = -1;  // an end that is not known yet

double seconds(const TrainingCosts& costs, const Action& action) {
  const StageTraining& stage = costs.stages[at(action.stage)];
  if (action.kind != OpKind::forward_backward) return compute_s(stage, action.kind);
  const StageTraining& with = costs.stages[at(action.with_stage)];
  return costs.overlap_factor * (stage.forward_s + with.backward_input_s + with.backward_weight_s);
}

/// Goes through the ranks again and again; each moves on as far as what it needs has ended. A rank is looked at anew
/// only when something that it waits for has ended.
class Clockwork {
 public:
  Clockwork(const TrainingOrder& order, const TrainingCosts& costs)
      : order_(order),
        costs_(costs),
        neighbours_(neighbours(order)),
        forward_end_(order.rank_of.size() * at(order.micro_batches), kOpen),
        backward_end_(forward_end_.size(), kOpen),
        forward_waiter_(forward_end_.size(), -1),
        backward_waiter_(forward_end_.size(), -1) {
    times_.ranks.resize(order.ranks.size());
    times_.settled.resize(order.ranks.size());
    times_.busy_s.assign(order.ranks.size(), 0);
    for (std::size_t rank = 0; rank < order.ranks.size(); ++rank) {
      times_.ranks[rank].reserve(order.ranks[rank].size());
      times_.settled[rank].reserve(order.ranks[rank].size());
    }
  }

  TrainingTimes run() {
    std::vector<std::size_t> awake(order_.ranks.size());
    for (std::size_t r = 0; r < awake.size(); ++r) awake[r] = r;
    while (!awake.empty()) {
      const std::size_t rank = awake.back();
      awake.pop_back();
      advance(rank, awake);
    }
    check_complete();
    measure();
    return std::move(times_);
  }

 private:
  void advance(std::size_t rank, std::vector<std::size_t>& awake) {
    auto& done = times_.ranks[rank];
    while (done.size() < order_.ranks[rank].size()) {
      const Action& action = order_.ranks[rank][done.size()];
      const std::optional<double> ready_s = ready(rank, action);
      if (!ready_s) return;
      const double start_s = std::max(*ready_s, done.empty() ? 0.0 : done.back().end_s);
      const double took_s = seconds(costs_, action);
      done.push_back({start_s, start_s + took_s});
      times_.settled[rank].push_back(settled_++);
      times_.busy_s[rank] += took_s;
      settle(action, done.back().end_s, awake);
    }
  }

  /// When what the action needs has arrived; nothing while it is not known, and the rank then waits for that.
  std::optional<double> ready(std::size_t rank, const Action& action) {
    double ready_s = 0;
    const auto need = [&](bool backward, int stage, int from, int micro_batch) {
      const std::size_t index = cell(from, micro_batch);
      const double end_s = (backward ? backward_end_ : forward_end_)[index];
      if (end_s == kOpen) {
        (backward ? backward_waiter_ : forward_waiter_)[index] = static_cast<int>(rank);
        return false;
      }
      ready_s = std::max(ready_s, end_s + travel_s(from, stage, backward));
      return true;
    };
    const auto forward = [&](int stage, int micro_batch) {
      const int previous = neighbours_[at(stage)].previous;
      return previous < 0 || need(false, stage, previous, micro_batch);
    };
    const auto backward = [&](int stage, int micro_batch) {
      const int next = neighbours_[at(stage)].next;
      return next < 0 ? need(false, stage, stage, micro_batch) : need(true, stage, next, micro_batch);
    };
    bool known = true;
    if (action.kind == OpKind::forward || action.kind == OpKind::forward_backward)
      known = forward(action.stage, action.micro_batch);
    if (known && action.kind == OpKind::forward_backward) known = backward(action.with_stage, action.with_micro_batch);
    if (action.kind == OpKind::backward || action.kind == OpKind::backward_input)
      known = backward(action.stage, action.micro_batch);
    return known ? std::optional(ready_s) : std::nullopt;
  }

  /// An output travels for send_s of the stage that made it, a gradient for as long as the output it belongs to.
  double travel_s(int from, int to, bool backward) const {
    if (order_.rank_of[at(from)] == order_.rank_of[at(to)]) return 0;
    return costs_.stages[at(backward ? to : from)].send_s;
  }

  void settle(const Action& action, double end_s, std::vector<std::size_t>& awake) {
    const auto set = [&](bool backward, int stage, int micro_batch) {
      const std::size_t index = cell(stage, micro_batch);
      (backward ? backward_end_ : forward_end_)[index] = end_s;
      const int waiter = (backward ? backward_waiter_ : forward_waiter_)[index];
      if (waiter >= 0) awake.push_back(at(waiter));
    };
    if (action.kind == OpKind::forward || action.kind == OpKind::forward_backward)
      set(false, action.stage, action.micro_batch);
    if (action.kind == OpKind::backward || action.kind == OpKind::backward_input)
      set(true, action.stage, action.micro_batch);
    if (action.kind == OpKind::forward_backward) set(true, action.with_stage, action.with_micro_batch);
  }

  std::size_t cell(int stage, int micro_batch) const { return at(stage) * at(order_.micro_batches) + at(micro_batch); }

  void check_complete() const {
    for (std::size_t rank = 0; rank < order_.ranks.size(); ++rank) {
      const std::size_t done = times_.ranks[rank].size();
      if (done == order_.ranks[rank].size()) continue;
      const Action& action = order_.ranks[rank][done];
      throw input::InputError("training order: rank " + std::to_string(rank) + " waits for ever before its " +
                              std::string(traces::name(action.kind)) + " of micro-batch " +
                              std::to_string(action.micro_batch) + " on stage " + std::to_string(action.stage));
    }
  }

  void measure() {
    for (std::size_t rank = 0; rank < order_.ranks.size(); ++rank) {
      if (!times_.ranks[rank].empty()) {
        const double end_s = times_.ranks[rank].back().end_s;
        times_.makespan_s = std::max(times_.makespan_s, end_s);
        times_.span_s = std::max(times_.span_s, end_s - times_.ranks[rank].front().start_s);
      }
      measure_memory(order_.ranks[rank]);
    }
  }

  void measure_memory(const std::vector<Action>& actions) {
    int alive = 0, most = 0;
    double held = 0, peak = 0;
    const double kept = 1 - costs_.released_by_input_gradient;
    const auto activation = [&](int stage) { return costs_.stages[at(stage)].activation; };
    for (const Action& action : actions) {
      if (action.kind == OpKind::forward || action.kind == OpKind::forward_backward) {
        ++alive;
        held += activation(action.stage);
      }
      most = std::max(most, alive);
      peak = std::max(peak, held);
      if (action.kind == OpKind::backward || action.kind == OpKind::backward_weight) --alive;
      if (action.kind == OpKind::backward) held -= activation(action.stage);
      if (action.kind == OpKind::backward_input) held -= (1 - kept) * activation(action.stage);
      if (action.kind == OpKind::backward_weight) held -= kept * activation(action.stage);
      if (action.kind == OpKind::forward_backward) {
        --alive;
        held -= activation(action.with_stage);
      }
    }
    times_.peak_micro_batches.push_back(most);
    times_.peak_activations.push_back(peak);
  }

  const TrainingOrder& order_;
  const TrainingCosts& costs_;
  std::vector<Neighbours> neighbours_;
  std::vector<double> forward_end_, backward_end_;     // [stage x micro-batch]
  std::vector<int> forward_waiter_, backward_waiter_;  // [stage x micro-batch]: the one rank that waits for it, or -1
  int settled_ = 0;                                    // actions whose times are known
  TrainingTimes times_;
};

}  // namespace

TrainingTimes training_times(const TrainingOrder& order, const TrainingCosts& costs) {
  check_costs(costs, static_cast<int>(order.rank_of.size()));
  if (const auto faults = order_faults(order); !faults.empty())
    throw input::InputError("training order: " + faults.front());
  return Clockwork(order, costs).run();
}

}  // namespace ppplan::schedule
