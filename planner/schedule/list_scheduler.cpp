#include "planner/schedule/list_scheduler.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "planner/schedule/rank_alarms.h"

namespace ppplan::schedule {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

constexpr double never = RankClocks::never;

class ListScheduler {
 public:
  ListScheduler(RankClocks& clocks, const ListRule& rule)
      : c_(clocks), rule_(rule), stages_(at(clocks.ranks())), waiting_(at(clocks.ranks())), alarms_(clocks.ranks()) {
    const std::vector<int>& pipe = c_.pipe();
    reserved_.resize(pipe.size());
    std::vector<double> later(at(c_.ranks()));
    for (auto stage = pipe.rbegin(); stage != pipe.rend(); ++stage) {
      const std::size_t rank = at(c_.rank_of(*stage));
      reserved_[at(*stage)] = later[rank] += c_.cost(*stage).activation;
      stages_[rank].push_back(*stage);
    }
    left_ = static_cast<long>(pipe.size()) * c_.micro_batches() * (rule.whole_gradients ? 2 : 3);
  }

  void run() {
    for (int rank = 0; rank < c_.ranks(); ++rank) look_at(0, rank);
    while (left_ > 0 && alarms_.earliest() != never) {
      now_s_ = alarms_.earliest();
      const int rank = alarms_.first();
      alarms_.set(rank, never);
      decide(rank, now_s_);
    }
  }

 private:
  struct Choice {
    int stage = -1;
    bool forward = false;
    double key = never;
    double arrival_s = never;
  };

  /// What is preferred of what is there, and of what is known to come.
  struct View {
    Choice ready, coming;
    double next_arrival_s = never;
  };

  void consider(View& view, const Choice& choice, double now_s) const {
    if (choice.arrival_s == never) return;
    const bool ready = choice.arrival_s <= now_s;
    if (!ready) view.next_arrival_s = std::min(view.next_arrival_s, choice.arrival_s);
    Choice& best = ready ? view.ready : view.coming;
    if (choice.key < best.key) best = choice;
  }

  View look(int rank, double now_s) const {
    View view;
    for (const int stage : stages_[at(rank)]) {
      if (c_.inputs(stage) < c_.forwards(stage))
        consider(
            view,
            {stage, false, rule_.input_key[at(stage)] + c_.inputs(stage) * rule_.period_s, c_.input_arrival_s(stage)},
            now_s);
      if (c_.more_forwards(stage) && c_.fits(rank, reserved_[at(stage)]))
        consider(view,
                 {stage, true, rule_.forward_key[at(stage)] + c_.forwards(stage) * rule_.period_s,
                  c_.forward_arrival_s(stage)},
                 now_s);
    }
    return view;
  }

  double lasts_s(const Choice& choice) const {
    const StageTraining& cost = c_.cost(choice.stage);
    if (choice.forward) return cost.forward_s;
    return cost.backward_input_s + (rule_.whole_gradients ? cost.backward_weight_s : 0);
  }

  void decide(int rank, double now_s) {
    const View view = look(rank, now_s);
    auto& waiting = waiting_[at(rank)];
    if (view.ready.stage >= 0) {
      const bool yields =
          view.coming.key < view.ready.key && view.coming.arrival_s < now_s + rule_.hold * lasts_s(view.ready);
      if (!yields) return place(rank, view.ready);
    } else if (!waiting.empty() &&
               view.next_arrival_s - now_s >= rule_.patience[at(rank)] * c_.cost(waiting.front()).backward_weight_s) {
      c_.weight_gradient(waiting.front());
      waiting.pop_front();
      --left_;
      return look_at(c_.free_s(rank), rank);
    }
    // Nothing to do until something arrives; what is not known yet wakes the rank when it is.
    const double until_s = view.ready.stage >= 0 ? view.coming.arrival_s : view.next_arrival_s;
    if (until_s != never) look_at(until_s, rank);
  }

  void place(int rank, const Choice& choice) {
    const int stage = choice.stage;
    --left_;
    if (choice.forward) {
      c_.forward(stage, choice.arrival_s);
      wake(c_.next(stage));
    } else {
      if (rule_.whole_gradients) {
        c_.gradient(stage, choice.arrival_s);
      } else {
        c_.input_gradient(stage, choice.arrival_s);
        waiting_[at(rank)].push_back(stage);
      }
      wake(c_.previous(stage));
    }
    look_at(c_.free_s(rank), rank);
  }

  void look_at(double time_s, int rank) {
    if (time_s < alarms_.at(rank)) alarms_.set(rank, time_s);
  }

  /// The neighbour looks again, when it is free: what is known to come decides about weight gradients.
  void wake(int stage) {
    if (stage < 0) return;
    const int rank = c_.rank_of(stage);
    look_at(std::max(c_.free_s(rank), now_s_), rank);
  }

  RankClocks& c_;
  const ListRule& rule_;
  std::vector<std::vector<int>> stages_;  // [rank], last first
  std::vector<double> reserved_;          // [stage]: activations of it and of the rank's later stages
  std::vector<std::deque<int>> waiting_;  // [rank]: stages with weight gradients to run, oldest first
  RankAlarms alarms_;                     // when each rank is looked at next
  long left_ = 0;
  double now_s_ = 0;
};

/// Work of the busiest rank for one micro-batch.
double period_s(const TrainingOrder& layout, const TrainingCosts& costs) {
  std::vector<double> work_s(layout.ranks.size());
  for (std::size_t s = 0; s < layout.rank_of.size(); ++s) {
    const StageTraining& cost = costs.stages[s];
    work_s[at(layout.rank_of[s])] += cost.forward_s + cost.backward_input_s + cost.backward_weight_s;
  }
  return *std::ranges::max_element(work_s);
}

ListRule blank_rule(const TrainingOrder& layout) {
  ListRule rule;
  rule.forward_key.resize(layout.rank_of.size());
  rule.input_key.resize(layout.rank_of.size());
  rule.patience.assign(layout.ranks.size(), 1);
  return rule;
}

}  // namespace

ListRule paced_rule(const TrainingOrder& layout, const TrainingCosts& costs, double stretch) {
  ListRule rule = blank_rule(layout);
  rule.period_s = period_s(layout, costs);
  const std::vector<int>& pipe = layout.pipes.front();
  double now_s = 0;
  const auto pass = [&](int stage, int next, double took_s, double sent_s, std::vector<double>& keys) {
    keys[at(stage)] = stretch * now_s;
    now_s += took_s;
    if (next >= 0 && layout.rank_of[at(next)] != layout.rank_of[at(stage)]) now_s += sent_s;
  };
  for (std::size_t i = 0; i < pipe.size(); ++i) {
    const StageTraining& cost = costs.stages[at(pipe[i])];
    pass(pipe[i], i + 1 < pipe.size() ? pipe[i + 1] : -1, cost.forward_s, cost.send_s, rule.forward_key);
  }
  for (std::size_t i = pipe.size(); i-- > 0;) {
    const int next = i > 0 ? pipe[i - 1] : -1;
    pass(pipe[i], next, costs.stages[at(pipe[i])].backward_input_s, next < 0 ? 0 : costs.stages[at(next)].send_s,
         rule.input_key);
  }
  return rule;
}

ListRule gradients_first_rule(const TrainingOrder& layout, const TrainingCosts& costs) {
  ListRule rule = blank_rule(layout);
  const std::vector<int>& pipe = layout.pipes.front();
  const double stage_s = period_s(layout, costs) * 2;
  for (std::size_t i = 0; i < pipe.size(); ++i) {
    rule.forward_key[at(pipe[i])] = -stage_s * static_cast<double>(i);
    rule.input_key[at(pipe[i])] = -stage_s * static_cast<double>(3 * pipe.size() - i);
  }
  return rule;
}

void list_schedule(RankClocks& clocks, const ListRule& rule) { ListScheduler(clocks, rule).run(); }

}  // namespace ppplan::schedule
