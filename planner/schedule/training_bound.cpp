#include "planner/schedule/training_bound.h"

#include <algorithm>
#include <limits>

namespace ppplan::schedule {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

constexpr double none = std::numeric_limits<double>::infinity();

/// When one micro-batch alone starts each step of its pipe.
struct Passage {
  std::vector<double> forward_s, input_s;  // [position in the pipe]
};

Passage passage(const TrainingOrder& layout, const TrainingCosts& costs, const std::vector<int>& pipe) {
  Passage out{std::vector<double>(pipe.size()), std::vector<double>(pipe.size())};
  double now_s = 0;
  const auto send_s = [&](std::size_t from) {
    const bool stays = layout.rank_of[at(pipe[from])] == layout.rank_of[at(pipe[from + 1])];
    return stays ? 0 : costs.stages[at(pipe[from])].send_s;
  };
  for (std::size_t i = 0; i < pipe.size(); ++i) {
    out.forward_s[i] = now_s;
    now_s += costs.stages[at(pipe[i])].forward_s;
    if (i + 1 < pipe.size()) now_s += send_s(i);
  }
  for (std::size_t i = pipe.size(); i-- > 0;) {
    out.input_s[i] = now_s;
    now_s += costs.stages[at(pipe[i])].backward_input_s;
    if (i > 0) now_s += send_s(i - 1);
  }
  return out;
}

struct Item {
  double size = 0, value = 0;
};

/// Most value of up to `count` of each item in `room`, parts of an item allowed.
double most_value(std::vector<Item> items, double room, double count) {
  std::ranges::sort(items, [](const Item& a, const Item& b) { return a.value * b.size > b.value * a.size; });
  double value = 0;
  for (const Item& item : items) {
    const double taken = item.size > 0 ? std::min(count, room / item.size) : count;
    if (taken > 0) value += taken * item.value;
    room -= taken * item.size;
  }
  return value;
}

class RankBound {
 public:
  RankBound(const TrainingOrder& layout, const TrainingCosts& costs, double limit)
      : layout_(layout), costs_(costs), limit_(limit * (1 + 1e-9)) {}

  /// Adds a stage at that position of a pipe, in the order of the pipe.
  void add(int stage, std::size_t position, const Passage& way, double micro_batches) {
    const StageTraining& cost = costs_.stages[at(stage)];
    const double kept = 1 - costs_.released_by_input_gradient;
    work_s_ += micro_batches * (cost.forward_s + cost.backward_input_s + cost.backward_weight_s);
    const double away_s = way.input_s[position] + cost.backward_input_s - way.forward_s[position];
    held_s_ += micro_batches * cost.activation * (away_s + kept * cost.backward_weight_s);
    forwards_.push_back({cost.activation, cost.forward_s});
    weights_.push_back({kept * cost.activation, cost.backward_weight_s});
    if (way.forward_s[position] < head_s_) {
      head_s_ = way.forward_s[position];
      last_input_s_ = way.input_s.front() - way.input_s[position] - cost.backward_input_s;
    }
    first_input_s_ = std::min(first_input_s_, way.input_s[position]);
    micro_batches_ = std::max(micro_batches_, micro_batches);
  }

  double in_use_s() const {
    if (forwards_.empty()) return 0;
    // An overlapped pair is a forward and a gradient at once: less work, and no time without gradients.
    double least_s = work_s_ * std::min(1.0, costs_.overlap_factor);
    if (alone()) {
      const double gap_s = first_input_s_ - head_s_;
      least_s += std::max(0.0, gap_s - most_value(forwards_, limit_, micro_batches_));
    }
    return std::max(least_s, limit_ > 0 && limit_ < none ? held_s_ / limit_ : 0);
  }

  double makespan_s(const StageTraining& first) const {
    if (forwards_.empty()) return 0;
    const double after_s = last_input_s_ + first.backward_input_s + first.backward_weight_s;
    const double kept_back_s = most_value(weights_, limit_, micro_batches_);
    return head_s_ + in_use_s() + (alone() && last_input_s_ > 0 ? std::max(0.0, after_s - kept_back_s) : 0);
  }

 private:
  bool alone() const { return layout_.pipes.size() == 1 && costs_.overlap_factor >= 1; }

  const TrainingOrder& layout_;
  const TrainingCosts& costs_;
  double limit_;
  double work_s_ = 0, held_s_ = 0, micro_batches_ = 0;
  double head_s_ = none;         // from the start to its first forward
  double first_input_s_ = none;  // to its first gradient, of a micro-batch alone
  double last_input_s_ = 0;      // from the end of its last gradient to the start of the pipe's last one
  std::vector<Item> forwards_, weights_;
};

}  // namespace

TrainingBound training_bound(const TrainingOrder& layout, const TrainingCosts& costs,
                             const std::vector<double>& limit) {
  check_costs(costs, static_cast<int>(layout.rank_of.size()));
  std::vector<RankBound> ranks;
  for (std::size_t r = 0; r < layout.ranks.size(); ++r)
    ranks.emplace_back(layout, costs, limit.empty() ? none : limit[r]);
  for (std::size_t p = 0; p < layout.pipes.size(); ++p) {
    const auto& pipe = layout.pipes[p];
    const Passage way = passage(layout, costs, pipe);
    const auto count = static_cast<double>(std::ranges::count(layout.pipe_of, static_cast<int>(p)));
    for (std::size_t i = 0; i < pipe.size(); ++i) ranks[at(layout.rank_of[at(pipe[i])])].add(pipe[i], i, way, count);
  }
  TrainingBound bound;
  for (const RankBound& rank : ranks) {
    bound.span_s = std::max(bound.span_s, rank.in_use_s());
    bound.makespan_s = std::max(bound.makespan_s, rank.makespan_s(costs.stages[at(layout.pipes.front().front())]));
  }
  return bound;
}

}  // namespace ppplan::schedule
