#include "exec/activity_graph.h"

#include <algorithm>
#include <span>

namespace ppplan::exec {

namespace {

using schedule::Lane;
using schedule::LaneKind;
using schedule::Op;
using schedule::OpId;

class Builder {
 public:
  explicit Builder(const schedule::Schedule& schedule) : schedule_(schedule), activity_of_(schedule.ops.size(), -1) {}

  ActivityGraph build() {
    for_each_lane([&](int device, const Lane& lane) {
      if (lane.kind != LaneKind::send) place(device, lane);
    });
    for (std::size_t id = 0; id < schedule_.ops.size(); ++id) {
      for (const OpId before : schedule_.ops[id].after) depend(static_cast<OpId>(id), before);
    }
    for_each_lane([&](int, const Lane& lane) {
      order(lane);
      if (lane.kind == LaneKind::recv && schedule_.receive_buffers > 0) await_buffers(lane);
    });
    return std::move(graph_);
  }

 private:
  template <typename Visit>
  void for_each_lane(Visit visit) {
    for (std::size_t device = 0; device < schedule_.devices.size(); ++device) {
      for (const Lane& lane : schedule_.devices[device].lanes) visit(static_cast<int>(device), lane);
    }
  }

  const Op& op(OpId id) const { return schedule_.ops[static_cast<std::size_t>(id)]; }
  int& activity_of(OpId id) { return activity_of_[static_cast<std::size_t>(id)]; }

  // The op at `first` and those after it that share its group.
  std::span<const OpId> group_at(const Lane& lane, std::size_t first) const {
    std::size_t end = first + 1;
    const int group = op(lane.ops[first]).group;
    while (group >= 0 && end < lane.ops.size() && op(lane.ops[end]).group == group) ++end;
    return std::span(lane.ops).subspan(first, end - first);
  }

  void place(int device, const Lane& lane) {
    const int first_worker = static_cast<int>(graph_.workers.size());
    std::size_t count = 0;
    for (std::size_t at = 0; at < lane.ops.size();) {
      const auto group = group_at(lane, at);
      for (std::size_t member = 0; member < group.size(); ++member, ++count) {
        add(device, lane, group[member], static_cast<int>(count), first_worker + static_cast<int>(member));
      }
      at += group.size();
    }
  }

  void add(int device, const Lane& lane, OpId id, int position, int worker) {
    const int index = static_cast<int>(graph_.activities.size());
    Activity activity;
    activity.op = id;
    activity.worker = worker;
    if (lane.kind == LaneKind::recv) {
      activity.op = op(id).partner;
      activity.recv = id;
      activity.slot = schedule_.receive_buffers > 0 ? position % schedule_.receive_buffers : position;
      activity_of(activity.recv) = index;
    }
    activity_of(activity.op) = index;
    if (worker == static_cast<int>(graph_.workers.size())) graph_.workers.push_back({device, &lane, {}});
    graph_.workers[static_cast<std::size_t>(worker)].activities.push_back(index);
    graph_.activities.push_back(std::move(activity));
  }

  void depend(OpId op, OpId before) {
    const int later = activity_of(op);
    graph_.activities[static_cast<std::size_t>(activity_of(before))].dependents.push_back(later);
    ++graph_.activities[static_cast<std::size_t>(later)].pending;
  }

  void order(const Lane& lane) {
    std::span<const OpId> previous;
    for (std::size_t at = 0; at < lane.ops.size();) {
      const auto group = group_at(lane, at);
      for (const OpId later : group) {
        for (const OpId before : previous) depend(later, before);
      }
      previous = group;
      at += group.size();
    }
  }

  void await_buffers(const Lane& lane) {
    if (consumers_.empty()) list_consumers();
    const auto buffers = static_cast<std::size_t>(schedule_.receive_buffers);
    for (std::size_t k = buffers; k < lane.ops.size(); ++k) {
      if (!schedule::needs_buffer(op(lane.ops[k]))) continue;
      const OpId holder = lane.ops[k - buffers];
      depend(lane.ops[k], holder);
      for (const OpId consumer : consumers_[static_cast<std::size_t>(holder)]) depend(lane.ops[k], consumer);
    }
  }

  void list_consumers() {
    consumers_.resize(schedule_.ops.size());
    for (std::size_t id = 0; id < schedule_.ops.size(); ++id) {
      for (const OpId before : schedule_.ops[id].after) {
        if (schedule::is_transfer(op(before))) {
          consumers_[static_cast<std::size_t>(before)].push_back(static_cast<OpId>(id));
        }
      }
    }
  }

  const schedule::Schedule& schedule_;
  std::vector<int> activity_of_;              // [op]
  std::vector<std::vector<OpId>> consumers_;  // [op]
  ActivityGraph graph_;
};

}  // namespace

ActivityGraph activity_graph(const schedule::Schedule& schedule) { return Builder(schedule).build(); }

traces::Timeline timeline_of(const schedule::Schedule& schedule, const ActivityGraph& graph,
                             const std::function<ActivityTimes(std::size_t activity)>& times) {
  traces::Timeline result;
  result.origin = "measured";
  for (const schedule::ScheduleDevice& device : schedule.devices) result.devices.push_back(device.name);
  for (std::size_t index = 0; index < graph.activities.size(); ++index) {
    const ActivityTimes at = times(index);
    for (const OpId id : {graph.activities[index].op, graph.activities[index].recv}) {
      if (id < 0) continue;
      const Op& op = schedule.ops[static_cast<std::size_t>(id)];
      result.spans.push_back({op.device, op.key, at.start_s, at.end_s, op.bytes});
    }
  }
  traces::sort_spans(result);
  return result;
}

}  // namespace ppplan::exec
