#include "exec/training_layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "planner/input/input_error.h"
#include "planner/schedule/op_text.h"

namespace ppplan::exec {

namespace {

using input::InputError;
using schedule::Action;
using schedule::Op;
using schedule::OpId;
using traces::OpKind;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

bool goes_forward(OpKind kind) { return kind == OpKind::forward || kind == OpKind::forward_backward; }

class Reader {
 public:
  explicit Reader(const schedule::Schedule& schedule) : schedule_(schedule) {}

  schedule::TrainingOrder read() {
    measure();
    for (std::size_t device = 0; device < schedule_.devices.size(); ++device) {
      for (const OpId id : schedule_.devices[device].lanes.front().ops) place(static_cast<int>(device), id);
    }
    for (std::size_t stage = 0; stage < order_.rank_of.size(); ++stage) {
      if (order_.rank_of[stage] < 0) throw InputError(fmt::format("schedule: no operation of stage {}", stage));
    }
    chain();
    if (const auto faults = order_faults(order_); !faults.empty()) throw InputError("schedule: " + faults.front());
    return std::move(order_);
  }

 private:
  const Op& op(OpId id) const { return schedule_.ops[at(id)]; }

  void measure() {
    int stages = 0;
    bool trains = false;
    for (std::size_t id = 0; id < schedule_.ops.size(); ++id) {
      const Op& o = schedule_.ops[id];
      stages = std::max({stages, o.key.stage + 1, o.with ? o.with->stage + 1 : 0});
      order_.micro_batches =
          std::max({order_.micro_batches, o.key.micro_batch + 1, o.with ? o.with->micro_batch + 1 : 0});
      trains = trains || o.key.kind == OpKind::backward_weight || o.key.kind == OpKind::backward || o.with;
      if (o.key.stage < 0 || o.key.micro_batch < 0 || o.key.replica != 0) {
        throw InputError("schedule: expected stages and micro-batches from 0 on of one replica, found " +
                         op_text(schedule_, static_cast<OpId>(id)));
      }
    }
    if (!trains) throw InputError("schedule: expected gradients of weights, found none");
    order_.rank_of.assign(at(stages), -1);
    order_.pipe_of.assign(at(order_.micro_batches), 0);
    order_.ranks.resize(schedule_.devices.size());
    previous_.assign(at(stages), -1);
    seen_.assign(at(stages), false);
  }

  void place(int device, OpId id) {
    const Op& o = op(id);
    const bool pair = o.key.kind == OpKind::forward_backward;
    if (o.key.kind > OpKind::forward_backward || pair != o.with.has_value()) {
      throw InputError("schedule: expected forwards and gradients on compute lanes, found " + op_text(schedule_, id));
    }
    Action action{o.key.kind, o.key.stage, o.key.micro_batch};
    order_.rank_of[at(o.key.stage)] = device;
    if (pair) {
      action.with_stage = o.with->stage;
      action.with_micro_batch = o.with->micro_batch;
    }
    order_.ranks[at(device)].push_back(action);
    if (goes_forward(o.key.kind)) link(id);
  }

  // The stage whose output of this micro-batch the forward waits for.
  void link(OpId id) {
    const Op& o = op(id);
    int previous = -1;
    for (const OpId before : o.after) {
      const Op& b = op(before);
      const bool output = b.key.kind == OpKind::recv || goes_forward(b.key.kind);
      if (output && b.key.micro_batch == o.key.micro_batch && b.key.stage != o.key.stage) previous = b.key.stage;
    }
    const std::size_t stage = at(o.key.stage);
    if (seen_[stage] && previous_[stage] != previous) {
      throw InputError(fmt::format("schedule: expected one stage before stage {}, found {} and {}", stage,
                                   previous_[stage], previous));
    }
    previous_[stage] = previous;
    seen_[stage] = true;
  }

  void chain() {
    std::vector<int> next(previous_.size(), -1);
    for (std::size_t stage = 0; stage < previous_.size(); ++stage) {
      if (previous_[stage] < 0) continue;
      int& follower = next[at(previous_[stage])];
      if (follower >= 0) throw InputError(fmt::format("schedule: two stages follow stage {}", previous_[stage]));
      follower = static_cast<int>(stage);
    }
    std::vector<int> pipe_of_stage(previous_.size(), -1);
    for (std::size_t first = 0; first < previous_.size(); ++first) {
      if (previous_[first] >= 0) continue;
      auto& pipe = order_.pipes.emplace_back();
      for (int stage = static_cast<int>(first); stage >= 0; stage = next[at(stage)]) {
        pipe_of_stage[at(stage)] = static_cast<int>(order_.pipes.size()) - 1;
        pipe.push_back(stage);
      }
    }
    for (const auto& actions : order_.ranks) {
      for (const Action& action : actions) {
        if (goes_forward(action.kind)) order_.pipe_of[at(action.micro_batch)] = pipe_of_stage[at(action.stage)];
      }
    }
  }

  const schedule::Schedule& schedule_;
  schedule::TrainingOrder order_;
  std::vector<int> previous_;  // [stage], -1 of the first of a pipe
  std::vector<bool> seen_;     // [stage]
};

}  // namespace

schedule::TrainingOrder training_order(const schedule::Schedule& schedule) { return Reader(schedule).read(); }

std::vector<std::vector<int>> accumulation_order(const schedule::TrainingOrder& order) {
  std::vector<std::vector<int>> out(order.rank_of.size());
  for (const auto& actions : order.ranks) {
    for (const Action& action : actions) {
      if (action.kind == OpKind::backward_weight || action.kind == OpKind::backward) {
        out[at(action.stage)].push_back(action.micro_batch);
      }
      if (action.kind == OpKind::forward_backward) out[at(action.with_stage)].push_back(action.with_micro_batch);
    }
  }
  return out;
}

}  // namespace ppplan::exec
