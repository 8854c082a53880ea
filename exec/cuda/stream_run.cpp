#include "exec/cuda/stream_run.h"

#include <fmt/format.h>

#include <chrono>
#include <queue>
#include <thread>

#include "exec/run_schedule.h"

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

bool has_ended(cudaEvent_t event) {
  const cudaError_t status = cudaEventQuery(event);
  if (status != cudaErrorNotReady) kernels::cuda::check(status, "cudaEventQuery(event)");
  cudaGetLastError();  // what is not ready yet counts as the last error
  return status == cudaSuccess;
}

}  // namespace

StreamRun::StreamRun(const schedule::Schedule& schedule, StreamBackend& backend)
    : schedule_(schedule), backend_(backend) {
  check_runs(schedule);
  graph_ = activity_graph(schedule);
  order_ = issue_order(graph_);
  predecessors_ = predecessors_of(graph_);
  make_lanes();
  make_marks();
}

void StreamRun::make_lanes() {
  for (const Worker& worker : graph_.workers) {
    Lane lane;
    lane.gpu = backend_.gpu(worker.device);
    const bool computes = worker.lane->kind == schedule::LaneKind::compute;
    const DeviceScope scope(lane.gpu);
    lane.stream = backend_.make_stream(worker.device, computes ? Urgency::low : Urgency::high);
    if (!computes) {
      const DeviceScope sender(backend_.gpu(worker.lane->peer));
      lane.send_stream = backend_.make_stream(worker.lane->peer, Urgency::high);
    }
    if (!starts_.contains(lane.gpu))
      starts_[lane.gpu] = {backend_.make_stream(worker.device, Urgency::low), make_event()};
    lanes_.push_back(std::move(lane));
  }
}

void StreamRun::make_marks() {
  for (const Activity& activity : graph_.activities) {
    const DeviceScope scope(lanes_[static_cast<std::size_t>(activity.worker)].gpu);
    Marks marks{make_event(), make_event(), {}};
    if (activity.recv >= 0) {
      const DeviceScope sender(backend_.gpu(schedule_.ops[static_cast<std::size_t>(activity.op)].device));
      marks.sent = make_event();
    }
    marks_.push_back(std::move(marks));
  }
}

traces::Timeline StreamRun::execute(double deadline_s) {
  begin();
  for (const int index : order_) issue(index);
  await_end(deadline_s);
  return timeline_of(schedule_, graph_, [&](std::size_t index) {
    const Marks& marks = marks_[index];
    const Lane& lane = lanes_[static_cast<std::size_t>(graph_.activities[index].worker)];
    const cudaEvent_t start = starts_.at(lane.gpu).event;
    return ActivityTimes{seconds_between(start, marks.start), seconds_between(start, marks.end)};
  });
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
  for (const Lane& lane : lanes_) PPPLAN_CHECK(cudaStreamWaitEvent(lane.stream, starts_.at(lane.gpu).event, 0));
}

void StreamRun::issue(int index) {
  const Activity& activity = graph_.activities[static_cast<std::size_t>(index)];
  const Lane& lane = lanes_[static_cast<std::size_t>(activity.worker)];
  const Marks& marks = marks_[static_cast<std::size_t>(index)];
  const DeviceScope scope(lane.gpu);
  await_predecessors(index, lane.stream);
  if (lane.send_stream) await_predecessors(index, lane.send_stream);
  PPPLAN_CHECK(cudaEventRecord(marks.start, lane.stream));
  if (activity.recv < 0)
    backend_.compute(schedule_.ops[static_cast<std::size_t>(activity.op)], lane.stream);
  else
    issue_transfer(activity, lane, marks);
  PPPLAN_CHECK(cudaEventRecord(marks.end, lane.stream));
}

void StreamRun::issue_transfer(const Activity& activity, const Lane& lane, const Marks& marks) {
  const schedule::Op& send = schedule_.ops[static_cast<std::size_t>(activity.op)];
  const schedule::Op& recv = schedule_.ops[static_cast<std::size_t>(activity.recv)];
  backend_.transfer(send, recv, activity.slot, {lane.send_stream, lane.stream});
  const DeviceScope sender(backend_.gpu(send.device));
  PPPLAN_CHECK(cudaEventRecord(marks.sent, lane.send_stream));
  PPPLAN_CHECK(cudaStreamWaitEvent(lane.stream, marks.sent, 0));
}

void StreamRun::await_predecessors(int index, cudaStream_t stream) {
  for (const int before : predecessors_[static_cast<std::size_t>(index)])
    PPPLAN_CHECK(cudaStreamWaitEvent(stream, marks_[static_cast<std::size_t>(before)].end, 0));
}

void StreamRun::await_end(double deadline_s) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::duration<double>(deadline_s);
  for (const int index : order_) {
    while (!has_ended(marks_[static_cast<std::size_t>(index)].end)) {
      if (Clock::now() > deadline)
        throw DeviceError(fmt::format("{} has not ended {} s after everything was enqueued", name(index), deadline_s));
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
