#include "exec/rank_graph.h"

#include <fmt/format.h>

#include <utility>

#include "planner/input/input_error.h"

namespace ppplan::exec {

namespace {

using schedule::Lane;
using schedule::LaneKind;
using schedule::Op;
using schedule::OpId;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

class Builder {
 public:
  Builder(const schedule::Schedule& schedule, int device)
      : schedule_(schedule),
        device_(device),
        ended_by_(schedule.ops.size(), -1),
        started_by_(schedule.ops.size(), -1),
        consumers_(schedule.ops.size()) {}

  ActivityGraph build() {
    for (const Lane& lane : lanes()) place(lane);
    for (const Lane& lane : lanes())
      for (const OpId id : lane.ops) await(id);
    for (const Lane& lane : lanes()) {
      if (lane.kind == LaneKind::compute) order_groups(lane);
      if (lane.kind == LaneKind::recv) await_buffers(lane);
    }
    return std::move(graph_);
  }

 private:
  const std::vector<Lane>& lanes() const { return schedule_.devices[at(device_)].lanes; }
  const Op& op(OpId id) const { return schedule_.ops[at(id)]; }
  Activity& activity(int index) { return graph_.activities[at(index)]; }

  int add_worker(const Lane& lane) {
    graph_.workers.push_back({device_, &lane, {}});
    return static_cast<int>(graph_.workers.size()) - 1;
  }

  int add(Part part, OpId id, OpId recv, int slot, int worker) {
    const int index = static_cast<int>(graph_.activities.size());
    graph_.activities.push_back({part, id, recv, slot, worker, 0, {}});
    graph_.workers[at(worker)].activities.push_back(index);
    return index;
  }

  void depend(int later, int before) {
    activity(before).dependents.push_back(later);
    ++activity(later).pending;
  }

  void place(const Lane& lane) {
    if (lane.ops.empty()) return;
    if (lane.kind == LaneKind::compute) return place_compute(lane);
    for (const OpId id : lane.ops)
      if (op(id).group >= 0)
        throw input::InputError(
            fmt::format("schedule: expected messages of an edge one after another, found op {} in a group", id));
    lane.kind == LaneKind::send ? place_sends(lane) : place_receives(lane);
  }

  // A lane has as many workers as its largest group has ops, so that ops of a group can run at the same time.
  void place_compute(const Lane& lane) {
    std::vector<int> workers;
    std::size_t member = 0;
    for (std::size_t k = 0; k < lane.ops.size(); ++k) {
      member = k > 0 && in_group_of(lane, k) ? member + 1 : 0;
      if (member == workers.size()) workers.push_back(add_worker(lane));
      const OpId id = lane.ops[k];
      started_by_[at(id)] = ended_by_[at(id)] = add(Part::whole, id, -1, 0, workers[member]);
    }
  }

  // Whether op k of the lane belongs to the group of the op before it.
  bool in_group_of(const Lane& lane, std::size_t k) const {
    return op(lane.ops[k]).group >= 0 && op(lane.ops[k]).group == op(lane.ops[k - 1]).group;
  }

  void place_sends(const Lane& lane) {
    const int worker = add_worker(lane);
    for (const OpId id : lane.ops) {
      add(Part::await_grant, id, op(id).partner, 0, worker);
      started_by_[at(id)] = ended_by_[at(id)] = add(Part::send, id, op(id).partner, 0, worker);
    }
  }

  void place_receives(const Lane& lane) {
    const int granting = add_worker(lane), receiving = add_worker(lane);
    for (std::size_t k = 0; k < lane.ops.size(); ++k) {
      const OpId id = lane.ops[k];
      const int position = static_cast<int>(k);
      const int slot = schedule_.receive_buffers > 0 ? position % schedule_.receive_buffers : position;
      started_by_[at(id)] = add(Part::grant, op(id).partner, id, slot, granting);
      ended_by_[at(id)] = add(Part::receive, op(id).partner, id, slot, receiving);
      depend(ended_by_[at(id)], started_by_[at(id)]);
    }
  }

  void await(OpId id) {
    for (const OpId before : op(id).after) {
      if (ended_by_[at(before)] < 0)
        throw input::InputError(
            fmt::format("schedule: expected op {} to wait for ops of its own device, found op {} of device {}", id,
                        before, op(before).device));
      depend(started_by_[at(id)], ended_by_[at(before)]);
      consumers_[at(before)].push_back(id);
    }
  }

  // Ops of one worker are in order already; across a group's workers the order has to be said.
  void order_groups(const Lane& lane) {
    std::vector<OpId> previous, current;
    for (std::size_t k = 0; k < lane.ops.size(); ++k) {
      if (k > 0 && !in_group_of(lane, k)) previous = std::exchange(current, {});
      current.push_back(lane.ops[k]);
      for (const OpId before : previous) depend(started_by_[at(lane.ops[k])], ended_by_[at(before)]);
    }
  }

  void await_buffers(const Lane& lane) {
    const auto buffers = at(schedule_.receive_buffers);
    if (buffers == 0) return;
    for (std::size_t k = buffers; k < lane.ops.size(); ++k) {
      if (!schedule::needs_buffer(op(lane.ops[k]))) continue;
      const OpId holder = lane.ops[k - buffers];
      depend(started_by_[at(lane.ops[k])], ended_by_[at(holder)]);
      for (const OpId consumer : consumers_[at(holder)]) depend(started_by_[at(lane.ops[k])], ended_by_[at(consumer)]);
    }
  }

  const schedule::Schedule& schedule_;
  const int device_;
  std::vector<int> ended_by_;                 // [op]: the activity after which it has ended
  std::vector<int> started_by_;               // [op]: the activity that waits for its `after` list
  std::vector<std::vector<OpId>> consumers_;  // [op]
  ActivityGraph graph_;
};

}  // namespace

ActivityGraph rank_graph(const schedule::Schedule& schedule, int device) { return Builder(schedule, device).build(); }

}  // namespace ppplan::exec
