#include "planner/schedule/training_schedule.h"

#include <algorithm>

#include "planner/input/input_error.h"
#include "planner/schedule/large_pages.h"

namespace ppplan::schedule {
namespace {

using traces::OpKey;
using traces::OpKind;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

/// Which of its rank's stages a stage is, in order.
std::vector<int> chunks(const TrainingOrder& order) {
  std::vector<int> held(order.ranks.size(), 0), out;
  for (const int rank : order.rank_of) out.push_back(held[at(rank)]++);
  return out;
}

struct Place {
  int rank = 0;
  std::size_t action = 0;
};

std::size_t count_actions(const TrainingOrder& order) {
  std::size_t out = 0;
  for (const auto& actions : order.ranks) out += actions.size();
  return out;
}

/// All actions, each after everything that it needs: `settled` numbers them.
std::vector<Place> in_time(const TrainingOrder& order, const TrainingTimes& times) {
  std::vector<Place> out(count_actions(order));
  for (std::size_t rank = 0; rank < order.ranks.size(); ++rank)
    for (std::size_t a = 0; a < order.ranks[rank].size(); ++a)
      out[at(times.settled[rank][a])] = {static_cast<int>(rank), a};
  return out;
}

/// Every boundary between ranks is crossed there and back by each micro-batch of its pipe, with two ops each time.
std::size_t count_transfer_ops(const TrainingOrder& order) {
  std::size_t out = 0;
  for (std::size_t pipe = 0; pipe < order.pipes.size(); ++pipe) {
    std::size_t crossed = 0;
    for (std::size_t k = 1; k < order.pipes[pipe].size(); ++k)
      crossed += order.rank_of[at(order.pipes[pipe][k - 1])] != order.rank_of[at(order.pipes[pipe][k])];
    out += 4 * crossed * static_cast<std::size_t>(std::ranges::count(order.pipe_of, static_cast<int>(pipe)));
  }
  return out;
}

class Builder {
 public:
  Builder(const TrainingOrder& order, const TrainingCosts& costs)
      : order_(order),
        costs_(costs),
        chunk_(chunks(order)),
        neighbours_(neighbours(order)),
        output_(order.rank_of.size() * at(order.micro_batches), -1),
        gradient_(output_.size(), -1),
        made_(output_.size(), -1) {}

  Schedule build(const TrainingTimes& times, int receive_buffers) {
    schedule_.receive_buffers = receive_buffers;
    schedule_.ops.reserve(count_actions(order_) + count_transfer_ops(order_));
    const LargePages pages(schedule_.ops.data(), schedule_.ops.capacity() * sizeof(Op));
    for (std::size_t rank = 0; rank < order_.ranks.size(); ++rank)
      schedule_.devices.push_back({"rank " + std::to_string(rank), {static_cast<int>(rank)}, {Lane{}}});
    for (const Place& place : in_time(order_, times)) {
      const ActionTime& time = times.ranks[at(place.rank)][place.action];
      add(place.rank, order_.ranks[at(place.rank)][place.action], time.end_s - time.start_s);
    }
    return std::move(schedule_);
  }

 private:
  OpKey key(OpKind kind, int stage, int micro_batch) const {
    return {.kind = kind, .stage = stage, .chunk = chunk_[at(stage)], .micro_batch = micro_batch};
  }
  std::size_t cell(int stage, int micro_batch) const { return at(stage) * at(order_.micro_batches) + at(micro_batch); }

  /// What the consumer of a stage's output (or gradient) waits for: the op that made it, or its Recv.
  OpList forward_input(int stage, int micro_batch) const {
    const int previous = neighbours_[at(stage)].previous;
    if (previous < 0) return {};
    return {output_[cell(previous, micro_batch)]};
  }
  OpList backward_input(int stage, int micro_batch) const {
    const int next = neighbours_[at(stage)].next;
    if (next < 0) return {made_[cell(stage, micro_batch)]};
    return {gradient_[cell(next, micro_batch)], made_[cell(stage, micro_batch)]};
  }

  OpList needs(const Action& action) const {
    const auto [kind, stage, micro_batch, with_stage, with_micro_batch] = action;
    if (kind == OpKind::backward_weight) return {made_[cell(stage, micro_batch)]};
    if (kind == OpKind::forward) return forward_input(stage, micro_batch);
    if (kind != OpKind::forward_backward) return backward_input(stage, micro_batch);
    OpList both = forward_input(stage, micro_batch);
    for (const OpId id : backward_input(with_stage, with_micro_batch)) both.push_back(id);
    return both;
  }

  void add(int rank, const Action& action, double seconds) {
    const bool forwards = action.kind == OpKind::forward || action.kind == OpKind::forward_backward;
    const bool pair = action.kind == OpKind::forward_backward;
    const OpId id =
        add_compute(schedule_, rank, key(action.kind, action.stage, action.micro_batch), seconds, needs(action));
    made_[cell(action.stage, action.micro_batch)] = id;
    if (pair) schedule_.ops[at(id)].with = key(OpKind::backward, action.with_stage, action.with_micro_batch);
    if (forwards) pass_on(id, OpKind::send, action.stage, action.micro_batch);
    if (pair) pass_on(id, OpKind::send_gradient, action.with_stage, action.with_micro_batch);
    if (action.kind == OpKind::backward || action.kind == OpKind::backward_input)
      pass_on(id, OpKind::send_gradient, action.stage, action.micro_batch);
  }

  void pass_on(OpId made, OpKind kind, int stage, int micro_batch) {
    const bool output = kind == OpKind::send;
    const int to = output ? neighbours_[at(stage)].next : neighbours_[at(stage)].previous;
    std::vector<OpId>& held = output ? output_ : gradient_;
    held[cell(stage, micro_batch)] = made;
    const int from_rank = order_.rank_of[at(stage)];
    if (to < 0 || order_.rank_of[at(to)] == from_rank) return;
    const double seconds = costs_.stages[at(output ? stage : to)].send_s;
    held[cell(stage, micro_batch)] =
        add_transfer(schedule_, from_rank, order_.rank_of[at(to)], key(kind, stage, micro_batch), seconds, 0, {made})
            .recv;
  }

  const TrainingOrder& order_;
  const TrainingCosts& costs_;
  std::vector<int> chunk_;
  std::vector<Neighbours> neighbours_;
  std::vector<OpId> output_, gradient_;  // [stage x micro-batch]: who waits for it waits for this op
  std::vector<OpId> made_;               // [stage x micro-batch]: the forward, then the input gradient
  Schedule schedule_;
};

/// [op] of a Recv: the place on its rank's compute lane of the op that waits for it.
std::vector<std::size_t> places_of_use(const Schedule& schedule) {
  std::vector<std::size_t> out(schedule.ops.size(), 0);
  for (const ScheduleDevice& device : schedule.devices) {
    const std::vector<OpId>& computed = device.lanes.front().ops;
    for (std::size_t place = 0; place < computed.size(); ++place)
      for (const OpId before : schedule.ops[at(computed[place])].after) out[at(before)] = place;
  }
  return out;
}

/// An op that takes two inputs from one rank holds both buffers at once.
void check_buffers(const Schedule& schedule, const Lane& lane, const std::vector<std::size_t>& used) {
  const auto twice = std::ranges::adjacent_find(lane.ops, {}, [&](OpId id) { return used[at(id)]; });
  if (schedule.receive_buffers > 1 || twice == lane.ops.end()) return;
  throw input::InputError(
      "schedule", "receive_buffers",
      "at least 2, since an overlapped pair takes both its inputs from rank " + std::to_string(lane.peer),
      std::to_string(schedule.receive_buffers));
}

/// Every lane in the order in which its receiver uses what arrives. An op's inputs then wait for nothing but what the
/// op itself comes after, so that no rank waits for ever however few buffers there are.
void transfer_in_order_of_use(Schedule& schedule) {
  const std::vector<std::size_t> used = places_of_use(schedule);
  for (std::size_t rank = 0; rank < schedule.devices.size(); ++rank)
    for (Lane& lane : schedule.devices[rank].lanes) {
      if (lane.kind != LaneKind::recv) continue;
      std::ranges::stable_sort(lane.ops, {}, [&](OpId id) { return used[at(id)]; });
      check_buffers(schedule, lane, used);
      for (Lane& sends : schedule.devices[at(lane.peer)].lanes)
        if (sends.kind == LaneKind::send && sends.peer == static_cast<int>(rank))
          std::ranges::transform(lane.ops, sends.ops.begin(), [&](OpId id) { return schedule.ops[at(id)].partner; });
    }
}

}  // namespace

Schedule training_schedule(const TrainingOrder& order, const TrainingCosts& costs, int receive_buffers) {
  return training_schedule(order, costs, training_times(order, costs), receive_buffers);
}

Schedule training_schedule(const TrainingOrder& order, const TrainingCosts& costs, const TrainingTimes& times,
                           int receive_buffers) {
  Schedule out = Builder(order, costs).build(times, receive_buffers);
  if (receive_buffers > 0) transfer_in_order_of_use(out);
  return out;
}

}  // namespace ppplan::schedule
