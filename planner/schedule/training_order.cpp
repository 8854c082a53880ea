#include "planner/schedule/training_order.h"

namespace ppplan::schedule {
namespace {

using traces::OpKind;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

bool below(int index, std::size_t count) { return index >= 0 && at(index) < count; }

std::string text(const char* what, int stage, int micro_batch) {
  return std::string(what) + " of micro-batch " + std::to_string(micro_batch) + " on stage " + std::to_string(stage);
}

/// What the rank of each (stage, micro-batch) has done so far; each action moves it on by one step or is a fault.
class Ledger {
 public:
  explicit Ledger(const TrainingOrder& order)
      : order_(order), steps_(order.rank_of.size() * at(order.micro_batches)), pipe_of_stage_(order.rank_of.size()) {
    for (std::size_t p = 0; p < order.pipes.size(); ++p)
      for (const int stage : order.pipes[p]) pipe_of_stage_[at(stage)] = static_cast<int>(p);
  }

  void add(int rank, const Action& action) {
    if (action.kind == OpKind::forward_backward) {
      advance(rank, OpKind::forward, action.stage, action.micro_batch);
      advance(rank, OpKind::backward, action.with_stage, action.with_micro_batch);
      return;
    }
    advance(rank, action.kind, action.stage, action.micro_batch);
  }

  std::vector<std::string> finish() {
    for (int k = 0; k < order_.micro_batches; ++k)
      for (const int stage : order_.pipes[at(order_.pipe_of[at(k)])])
        if (step(stage, k) != Step::done)
          faults_.push_back(text(step(stage, k) == Step::none      ? "no forward"
                                 : step(stage, k) == Step::forward ? "no backward"
                                                                   : "no weight gradient",
                                 stage, k));
    return std::move(faults_);
  }

 private:
  enum class Step : char { none, forward, input_gradient, done };
  Step& step(int stage, int micro_batch) { return steps_[at(stage) * at(order_.micro_batches) + at(micro_batch)]; }

  void advance(int rank, OpKind kind, int stage, int micro_batch) {
    if (!below(stage, order_.rank_of.size()) || !below(micro_batch, order_.pipe_of.size()))
      return faults_.push_back(text("an action", stage, micro_batch) + ", which is not there");
    if (order_.rank_of[at(stage)] != rank)
      return faults_.push_back(text("an action", stage, micro_batch) + " stands on rank " + std::to_string(rank) +
                               ", which does not hold the stage");
    if (pipe_of_stage_[at(stage)] != order_.pipe_of[at(micro_batch)])
      return faults_.push_back(text("an action", stage, micro_batch) + ", which does not pass there");
    Step& now = step(stage, micro_batch);
    if (kind == OpKind::forward) return move(now, Step::none, Step::forward, "forward", stage, micro_batch);
    if (kind == OpKind::backward) return move(now, Step::forward, Step::done, "backward", stage, micro_batch);
    if (kind == OpKind::backward_input)
      return move(now, Step::forward, Step::input_gradient, "input gradient", stage, micro_batch);
    if (kind == OpKind::backward_weight)
      return move(now, Step::input_gradient, Step::done, "weight gradient", stage, micro_batch);
    faults_.push_back(text("an action", stage, micro_batch) + " that is neither forward nor gradient");
  }

  void move(Step& now, Step from, Step to, const char* what, int stage, int micro_batch) {
    if (now != from)
      return faults_.push_back(text(what, stage, micro_batch) + (now < from ? " too early" : " a second time"));
    now = to;
  }

  const TrainingOrder& order_;
  std::vector<Step> steps_;         // [stage x micro-batch]
  std::vector<int> pipe_of_stage_;  // [stage]
  std::vector<std::string> faults_;
};

std::vector<std::string> layout_faults(const TrainingOrder& order) {
  std::vector<std::string> faults;
  if (order.micro_batches < 1 || order.pipe_of.size() != at(order.micro_batches))
    faults.push_back("expected a pipe for each of at least one micro-batch, found " +
                     std::to_string(order.pipe_of.size()));
  for (const int pipe : order.pipe_of)
    if (!below(pipe, order.pipes.size())) faults.push_back("pipe " + std::to_string(pipe) + " is not there");
  std::vector<int> seen(order.rank_of.size(), 0);
  for (const auto& pipe : order.pipes)
    for (const int stage : pipe)
      below(stage, seen.size()) ? void(++seen[at(stage)])
                                : faults.push_back("stage " + std::to_string(stage) + " of a pipe is not there");
  for (std::size_t s = 0; s < seen.size(); ++s) {
    if (seen[s] != 1)
      faults.push_back("stage " + std::to_string(s) + " stands in " + std::to_string(seen[s]) + " pipes");
    if (!below(order.rank_of[s], order.ranks.size()))
      faults.push_back("rank " + std::to_string(order.rank_of[s]) + " of stage " + std::to_string(s) + " is not there");
  }
  return faults;
}

}  // namespace

std::vector<Neighbours> neighbours(const TrainingOrder& order) {
  std::vector<Neighbours> out(order.rank_of.size());
  for (const auto& pipe : order.pipes)
    for (std::size_t i = 1; i < pipe.size(); ++i) {
      out[at(pipe[i])].previous = pipe[i - 1];
      out[at(pipe[i - 1])].next = pipe[i];
    }
  return out;
}

std::vector<std::string> order_faults(const TrainingOrder& order) {
  std::vector<std::string> faults = layout_faults(order);
  if (!faults.empty()) return faults;
  Ledger ledger(order);
  for (std::size_t rank = 0; rank < order.ranks.size(); ++rank)
    for (const Action& action : order.ranks[rank]) ledger.add(static_cast<int>(rank), action);
  return ledger.finish();
}

}  // namespace ppplan::schedule
