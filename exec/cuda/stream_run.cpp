#include "exec/cuda/stream_run.h"

#include <fmt/format.h>

#include <chrono>
#include <queue>
#include <thread>

#include "exec/run_schedule.h"
#include "planner/input/input_error.h"

namespace ppplan::exec::cuda {

namespace {

using kernels::cuda::DeviceError;
using kernels::cuda::DeviceScope;
using kernels::cuda::make_event;
using kernels::cuda::Urgency;

// First come, first served: about the order of the run itself, so that the host is ahead of every stream.
std::vector<int> issue_order(const ActivityGraph& graph) {
  std::vector<int> pending, order;
  std::queue<int> ready;
  for (std::size_t index = 0; index < graph.activities.size(); ++index) {
    pending.push_back(graph.activities[index].pending);
    if (pending.back() == 0) ready.push(static_cast<int>(index));
  }
  for (; !ready.empty(); ready.pop()) {
    order.push_back(ready.front());
    for (const int dependent : graph.activities[static_cast<std::size_t>(ready.front())].dependents) {
      if (--pending[static_cast<std::size_t>(dependent)] == 0) ready.push(dependent);
    }
  }
  return order;
}

// A stream keeps the order of its own worker's activities.
std::vector<std::vector<int>> predecessors_of(const ActivityGraph& graph) {
  std::vector<std::vector<int>> result(graph.activities.size());
  for (std::size_t index = 0; index < graph.activities.size(); ++index) {
    for (const int dependent : graph.activities[index].dependents) {
      std::vector<int>& before = result[static_cast<std::size_t>(dependent)];
      const bool same_worker =
          graph.activities[static_cast<std::size_t>(dependent)].worker == graph.activities[index].worker;
      const bool known = !before.empty() && before.back() == static_cast<int>(index);
      if (!same_worker && !known) before.push_back(static_cast<int>(index));
    }
  }
  return result;
}

double seconds_between(cudaEvent_t from, cudaEvent_t to) {
  float milliseconds = 0;
  PPPLAN_CHECK(cudaEventElapsedTime(&milliseconds, from, to));
  return 1e-3 * static_cast<double>(milliseconds);
}

}  // namespace

StreamRun::StreamRun(const schedule::Schedule& schedule, StreamBackend& backend)
    : schedule_(schedule), backend_(backend) {
  check_runs(schedule);
  check_waits();
  graph_ = activity_graph(schedule);
  order_ = issue_order(graph_);
  predecessors_ = predecessors_of(graph_);
  make_lanes();
  make_marks();
}

void StreamRun::check_waits() const {
  const auto is_here = [this](const schedule::Op& op) { return backend_.gpu(op.device) != kElsewhere; };
  for (std::size_t id = 0; id < schedule_.ops.size(); ++id) {
    const schedule::Op& op = schedule_.ops[id];
    if (!is_here(op)) continue;
    for (const schedule::OpId before : op.after)
      if (!is_here(schedule_.ops[static_cast<std::size_t>(before)]))
        throw input::InputError(
            fmt::format("schedule: expected op {} to wait for ops of its own process, found op {}", id, before));
    if (op.group >= 0 && op.peer >= 0 && backend_.gpu(op.peer) == kElsewhere)
      throw input::InputError(
          fmt::format("schedule: expected messages of an edge one after another, found op {} in a group", id));
  }
}

void StreamRun::make_lanes() {
  const auto stream_of = [this](int device, Urgency urgency) {
    const int gpu = backend_.gpu(device);
    if (gpu == kElsewhere) return kernels::cuda::Stream();
    const DeviceScope scope(gpu);
    if (!starts_.contains(gpu)) starts_[gpu] = {backend_.make_stream(device, Urgency::low), make_event()};
    return backend_.make_stream(device, urgency);
  };
  for (const Worker& worker : graph_.workers) {
    Lane lane;
    lane.gpu = backend_.gpu(worker.device);
    const bool computes = worker.lane->kind == schedule::LaneKind::compute;
    lane.stream = stream_of(worker.device, computes ? Urgency::low : Urgency::high);
    if (!computes) lane.send_gpu = backend_.gpu(worker.lane->peer);
    if (!computes) lane.send_stream = stream_of(worker.lane->peer, Urgency::high);
    lanes_.push_back(std::move(lane));
  }
}

void StreamRun::make_marks() {
  for (std::size_t index = 0; index < graph_.activities.size(); ++index) {
    const Lane& lane = lane_of(index);
    Marks& marks = marks_.emplace_back();
    if (!lane.is_here()) continue;
    const DeviceScope scope(lane.own_gpu());
    marks.start = make_event();
    marks.end = make_event();
    if (!lane.stream || !lane.send_stream) continue;
    const DeviceScope sender(lane.send_gpu);
    marks.sent = make_event();
  }
}

traces::Timeline StreamRun::execute(double deadline_s) {
  enqueue();
  await_end({deadline_s});
  return timeline();
}

void StreamRun::enqueue() {
  begin();
  for (const int index : order_) issue(index);
}

const StreamRun::Lane& StreamRun::lane_of(std::size_t index) const {
  return lanes_[static_cast<std::size_t>(graph_.activities[index].worker)];
}

ActivityTimes StreamRun::times(std::size_t index) const {
  const Marks& marks = marks_[index];
  const cudaEvent_t start = starts_.at(lane_of(index).own_gpu()).event;
  return {seconds_between(start, marks.start), seconds_between(start, marks.end)};
}

traces::Timeline StreamRun::timeline() const {
  return timeline_of(schedule_, graph_, [this](std::size_t index) { return times(index); });
}

OpTimes StreamRun::op_times() const {
  OpTimes out(schedule_.ops.size());
  for (std::size_t index = 0; index < graph_.activities.size(); ++index) {
    const Lane& lane = lane_of(index);
    const Activity& activity = graph_.activities[index];
    if (!lane.is_here()) continue;
    const ActivityTimes at = times(index);
    if (activity.recv < 0 || lane.send_gpu != kElsewhere) out.start(activity.op) = at.start_s;
    if (lane.gpu != kElsewhere) out.end(activity.recv < 0 ? activity.op : activity.recv) = at.end_s;
  }
  return out;
}

// The first GPU starts, the others follow it, and no lane goes before its GPU has.
void StreamRun::begin() {
  cudaEvent_t first = nullptr;
  for (const auto& [gpu, start] : starts_) {
    const DeviceScope scope(gpu);
    if (first != nullptr) PPPLAN_CHECK(cudaStreamWaitEvent(start.stream, first, 0));
    PPPLAN_CHECK(cudaEventRecord(start.event, start.stream));
    if (first == nullptr) first = start.event;
  }
  for (const Lane& lane : lanes_) {
    if (lane.stream) PPPLAN_CHECK(cudaStreamWaitEvent(lane.stream, starts_.at(lane.gpu).event, 0));
    if (lane.send_stream) PPPLAN_CHECK(cudaStreamWaitEvent(lane.send_stream, starts_.at(lane.send_gpu).event, 0));
  }
}

void StreamRun::issue(int index) {
  const Activity& activity = graph_.activities[static_cast<std::size_t>(index)];
  const Lane& lane = lane_of(static_cast<std::size_t>(index));
  if (!lane.is_here()) return;
  const Marks& marks = marks_[static_cast<std::size_t>(index)];
  const DeviceScope scope(lane.own_gpu());
  if (lane.stream) await_predecessors(index, lane.stream);
  if (lane.send_stream) await_predecessors(index, lane.send_stream);
  PPPLAN_CHECK(cudaEventRecord(marks.start, lane.own_stream()));
  if (activity.recv < 0)
    backend_.compute(schedule_.ops[static_cast<std::size_t>(activity.op)], lane.stream);
  else
    issue_transfer(activity, lane, marks);
  PPPLAN_CHECK(cudaEventRecord(marks.end, lane.own_stream()));
}

void StreamRun::issue_transfer(const Activity& activity, const Lane& lane, const Marks& marks) {
  const schedule::Op& send = schedule_.ops[static_cast<std::size_t>(activity.op)];
  const schedule::Op& recv = schedule_.ops[static_cast<std::size_t>(activity.recv)];
  backend_.transfer(send, recv, activity.slot, {lane.send_stream, lane.stream});
  if (!marks.sent) return;
  const DeviceScope sender(lane.send_gpu);
  PPPLAN_CHECK(cudaEventRecord(marks.sent, lane.send_stream));
  PPPLAN_CHECK(cudaStreamWaitEvent(lane.stream, marks.sent, 0));
}

// What is elsewhere shows here by transfers alone, which wait for it themselves.
void StreamRun::await_predecessors(int index, cudaStream_t stream) {
  for (const int before : predecessors_[static_cast<std::size_t>(index)])
    if (const Marks& marks = marks_[static_cast<std::size_t>(before)]; marks.end)
      PPPLAN_CHECK(cudaStreamWaitEvent(stream, marks.end, 0));
}

void StreamRun::await_end(const Patience& patience) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::duration<double>(patience.deadline_s);
  for (const int index : order_) {
    const Marks& marks = marks_[static_cast<std::size_t>(index)];
    while (marks.end && !has_ended(marks.end)) {
      patience.look();
      if (Clock::now() > deadline)
        throw DeviceError(
            fmt::format("{} has not ended {} s after everything was enqueued", name(index), patience.deadline_s));
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  }
}

std::string StreamRun::name(int index) const {
  const schedule::Op& op =
      schedule_.ops[static_cast<std::size_t>(graph_.activities[static_cast<std::size_t>(index)].op)];
  return fmt::format("{} of micro-batch {} on {}", traces::name(op.key.kind), op.key.micro_batch,
                     schedule_.devices[static_cast<std::size_t>(op.device)].name);
}

}  // namespace ppplan::exec::cuda
