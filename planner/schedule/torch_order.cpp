#include "planner/schedule/torch_order.h"

#include <algorithm>
#include <map>
#include <set>

#include "planner/input/input_error.h"
#include "planner/schedule/torch_check.h"

namespace ppplan::schedule {
namespace {

using traces::OpKind;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

OpKind kind_of(TorchKind kind) {
  switch (kind) {
    case TorchKind::input_gradient:
      return OpKind::backward_input;
    case TorchKind::weight_gradient:
      return OpKind::backward_weight;
    case TorchKind::backward:
      return OpKind::backward;
    case TorchKind::overlap:
      return OpKind::forward_backward;
    default:
      return OpKind::forward;
  }
}

Action action_of(const TorchAction& torch) {
  if (torch.kind != TorchKind::overlap) return {kind_of(torch.kind), torch.stage, torch.micro_batch};
  const TorchAction &forward = torch.parts.at(0), &backward = torch.parts.at(1);
  return {OpKind::forward_backward, forward.stage, forward.micro_batch, backward.stage, backward.micro_batch};
}

std::optional<TorchAction> torch_of(const Op& op, const std::string& source) {
  const traces::OpKey& key = op.key;
  switch (key.kind) {
    case OpKind::forward:
      return TorchAction{TorchKind::forward, key.stage, key.micro_batch, {}};
    case OpKind::backward:
      return TorchAction{TorchKind::backward, key.stage, key.micro_batch, {}};
    case OpKind::backward_input:
      return TorchAction{TorchKind::input_gradient, key.stage, key.micro_batch, {}};
    case OpKind::backward_weight:
      return TorchAction{TorchKind::weight_gradient, key.stage, key.micro_batch, {}};
    case OpKind::update:
    case OpKind::all_reduce:
    case OpKind::all_gather:
    case OpKind::reduce_scatter:
      return std::nullopt;
    case OpKind::forward_backward:
      if (op.with)
        return TorchAction{TorchKind::overlap,
                           -1,
                           -1,
                           {{TorchKind::forward, key.stage, key.micro_batch, {}},
                            {TorchKind::backward, op.with->stage, op.with->micro_batch, {}}}};
      [[fallthrough]];
    default:
      throw input::InputError(source, "", "operations that PyTorch's schedules have an action for",
                              std::string(traces::name(key.kind)));
  }
}

bool is_compute(const TorchAction& action) {
  return is_torch_compute(action.kind) || action.kind == TorchKind::overlap;
}

/// The rows' compute actions, and what each passes on to which stage.
class Passing {
 public:
  explicit Passing(const TorchSchedule& schedule) {
    for (std::size_t rank = 0; rank < schedule.rows.size(); ++rank) {
      queues_.emplace_back();
      for (const auto& action : schedule.rows[rank])
        if (action && is_compute(*action)) queues_.back().push_back(*action);
      for (const TorchAction& action : queues_.back())
        for (const TorchAction& part : parts(action)) rank_of_[part.stage] = rank;
    }
  }

  static std::vector<TorchAction> parts(const TorchAction& action) {
    return action.kind == TorchKind::overlap ? action.parts : std::vector{action};
  }
  const std::vector<std::vector<TorchAction>>& queues() const { return queues_; }
  std::size_t rank_of(int stage) const { return rank_of_.at(stage); }

  /// The stage that gets the outcome of `part`; nothing at the ends of the pipe and of a weight gradient.
  std::optional<int> receiver(const TorchAction& part) const {
    if (part.kind == TorchKind::weight_gradient) return std::nullopt;
    const int to = part.stage + (part.kind == TorchKind::forward ? 1 : -1);
    return rank_of_.contains(to) ? std::optional(to) : std::nullopt;
  }

  /// Whether what `action` needs of other stages was passed on.
  bool ready(const TorchAction& action) const {
    return std::ranges::all_of(parts(action), [&](const TorchAction& part) {
      const bool forward = part.kind == TorchKind::forward;
      const int from = part.stage + (forward ? -1 : 1);
      return part.kind == TorchKind::weight_gradient || !rank_of_.contains(from) ||
             passed_.contains({forward, part.stage, part.micro_batch});
    });
  }
  void pass_on(const TorchAction& action) {
    for (const TorchAction& part : parts(action))
      if (const auto to = receiver(part)) passed_.insert({part.kind == TorchKind::forward, *to, part.micro_batch});
  }

 private:
  std::vector<std::vector<TorchAction>> queues_;  // [rank]
  std::map<int, std::size_t> rank_of_;            // by stage
  std::set<std::tuple<bool, int, int>> passed_;   // (forward, stage that gets it, micro-batch)
};

[[noreturn]] void fail_waiting(const std::string& source, std::size_t row, const TorchAction& action) {
  throw input::InputError(source, "row " + std::to_string(row + 1), "an order that can complete",
                          torch_text(action) + ", which waits for ever");
}

/// Columns of unit steps.
TorchSchedule in_steps(const TorchSchedule& schedule, const std::string& source) {
  Passing passing(schedule);
  std::vector<std::size_t> next(schedule.rows.size(), 0);
  TorchSchedule out;
  out.rows.resize(schedule.rows.size());
  for (;;) {
    std::vector<TorchAction> done;
    std::optional<std::size_t> waiting;
    for (std::size_t rank = 0; rank < next.size(); ++rank) {
      const auto& queue = passing.queues()[rank];
      if (next[rank] == queue.size()) continue;
      const TorchAction& action = queue[next[rank]];
      waiting = rank;
      out.rows[rank].emplace_back();
      if (!passing.ready(action)) continue;
      out.rows[rank].back() = action;
      done.push_back(action);
      ++next[rank];
    }
    if (!waiting) return out;
    if (done.empty()) fail_waiting(source, *waiting, passing.queues()[*waiting][next[*waiting]]);
    for (const TorchAction& action : done) passing.pass_on(action);
  }
}

/// Appends the action and both ends of what it passes on to another rank.
void append(TorchSchedule& out, const Passing& passing, std::size_t rank, const TorchAction& action) {
  out.rows[rank].push_back(action);
  for (const TorchAction& part : Passing::parts(action)) {
    const auto to = passing.receiver(part);
    if (!to || passing.rank_of(*to) == rank) continue;
    const bool forward = part.kind == TorchKind::forward;
    out.rows[rank].push_back(
        TorchAction{forward ? TorchKind::send_f : TorchKind::send_b, part.stage, part.micro_batch, {}});
    out.rows[passing.rank_of(*to)].push_back(
        TorchAction{forward ? TorchKind::recv_f : TorchKind::recv_b, *to, part.micro_batch, {}});
  }
}

}  // namespace

TrainingOrder training_order(const TorchSchedule& schedule, const std::string& source) {
  const Passing passing(schedule);
  TrainingOrder order;
  int stages = 0;
  bool trains = false;
  for (std::size_t rank = 0; rank < schedule.rows.size(); ++rank) {
    order.ranks.emplace_back();
    for (const TorchAction& action : passing.queues()[rank]) {
      order.ranks.back().push_back(action_of(action));
      trains = trains || action.kind != TorchKind::forward;
      for (const TorchAction& part : Passing::parts(action)) {
        stages = std::max(stages, part.stage + 1);
        order.micro_batches = std::max(order.micro_batches, part.micro_batch + 1);
      }
    }
  }
  if (!trains) throw input::InputError(source, "", "backward actions (B, or I and W)", "forwards alone");
  order.pipe_of.assign(at(order.micro_batches), 0);
  order.pipes.emplace_back();
  for (int stage = 0; stage < stages; ++stage) {
    order.rank_of.push_back(static_cast<int>(passing.rank_of(stage)));
    order.pipes.front().push_back(stage);
  }
  const std::vector<std::string> wrong = order_faults(order);
  if (!wrong.empty()) throw input::InputError(source, "", "an order that can run", wrong.front());
  return order;
}

TorchSchedule torch_schedule(const Schedule& schedule, const std::string& source) {
  TorchSchedule out;
  for (const ScheduleDevice& device : schedule.devices) {
    out.rows.emplace_back();
    for (const OpId id : device.lanes.front().ops) {
      const Op& op = schedule.ops[at(id)];
      if (op.key.replica > 0) throw input::InputError(source, "", "one replica", "several");
      if (auto action = torch_of(op, source)) out.rows.back().push_back(std::move(action));
    }
  }
  check_torch(out, source);
  return in_steps(out, source);
}

TorchSchedule with_transfers(const TorchSchedule& schedule, const std::string& source) {
  Passing passing(schedule);
  std::vector<std::size_t> next(schedule.rows.size(), 0);
  TorchSchedule out;
  out.rows.resize(schedule.rows.size());
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t rank = 0; rank < next.size(); ++rank) {
      const auto& queue = passing.queues()[rank];
      if (next[rank] == queue.size() || !passing.ready(queue[next[rank]])) continue;
      append(out, passing, rank, queue[next[rank]]);
      passing.pass_on(queue[next[rank]++]);
      moved = true;
    }
  }
  for (std::size_t rank = 0; rank < next.size(); ++rank)
    if (next[rank] < passing.queues()[rank].size()) fail_waiting(source, rank, passing.queues()[rank][next[rank]]);
  return out;
}

}  // namespace ppplan::schedule
