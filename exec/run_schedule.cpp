#include "exec/run_schedule.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "exec/activity_graph.h"
#include "planner/input/input_error.h"
#include "planner/schedule/deadlock.h"

namespace ppplan::exec {

namespace {

using Clock = std::chrono::steady_clock;

// One mutex guards the counts of what is pending: an end touches a handful of them, and there are at most some hundred
// threads. Each worker sleeps on its own condition, so that an end wakes only those that it lets go on.
class ScheduleRun {
 public:
  ScheduleRun(const schedule::Schedule& schedule, Backend& backend)
      : schedule_(schedule), backend_(backend), graph_(activity_graph(schedule)) {
    wake_ = std::make_unique<std::condition_variable[]>(graph_.workers.size());
    start_.resize(graph_.activities.size());
    end_.resize(graph_.activities.size());
  }

  traces::Timeline execute() {
    {
      std::vector<std::jthread> threads;
      try {
        for (std::size_t worker = 0; worker < graph_.workers.size(); ++worker) {
          threads.emplace_back([this, worker] { work(worker); });
        }
      } catch (...) {
        fail(std::current_exception());  // no thread to be had; those that run must not wait for it
      }
    }
    if (failure_) std::rethrow_exception(failure_);
    return timeline();
  }

 private:
  void work(std::size_t index) {
    const Worker& worker = graph_.workers[index];
    try {
      backend_.enter_lane(worker.device, *worker.lane);
      if (!await_start(index)) return;
      for (const int activity : worker.activities) {
        if (!await_turn(index, activity)) return;
        start_[static_cast<std::size_t>(activity)] = Clock::now();
        perform(graph_.activities[static_cast<std::size_t>(activity)]);
        end_[static_cast<std::size_t>(activity)] = Clock::now();
        release_dependents(activity);
      }
    } catch (...) {
      fail(std::current_exception());
    }
  }

  void perform(const Activity& activity) {
    const schedule::Op& op = schedule_.ops[static_cast<std::size_t>(activity.op)];
    if (activity.recv < 0) return backend_.compute(activity.op, op);
    backend_.transfer(activity.op, op, schedule_.ops[static_cast<std::size_t>(activity.recv)], activity.slot);
  }

  // The last worker to arrive starts the clock. False when the run has failed meanwhile.
  bool await_start(std::size_t worker) {
    std::unique_lock lock(mutex_);
    if (++entered_ == graph_.workers.size()) {
      common_start_ = Clock::now();
      started_ = true;
      notify_all();
    }
    wake_[worker].wait(lock, [this] { return started_ || failure_; });
    return !failure_;
  }

  bool await_turn(std::size_t worker, int activity) {
    std::unique_lock lock(mutex_);
    const int& pending = graph_.activities[static_cast<std::size_t>(activity)].pending;
    wake_[worker].wait(lock, [&] { return pending == 0 || failure_; });
    return !failure_;
  }

  void release_dependents(int activity) {
    std::vector<int> ready;
    {
      const std::lock_guard lock(mutex_);
      for (const int dependent : graph_.activities[static_cast<std::size_t>(activity)].dependents) {
        Activity& waiting = graph_.activities[static_cast<std::size_t>(dependent)];
        if (--waiting.pending == 0) ready.push_back(waiting.worker);
      }
    }
    for (const int worker : ready) wake_[static_cast<std::size_t>(worker)].notify_one();
  }

  void fail(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(failure);
    notify_all();
  }

  void notify_all() {
    for (std::size_t worker = 0; worker < graph_.workers.size(); ++worker) wake_[worker].notify_one();
  }

  double seconds(Clock::time_point time) const { return std::chrono::duration<double>(time - common_start_).count(); }

  traces::Timeline timeline() const {
    traces::Timeline result;
    result.origin = "measured";
    for (const schedule::ScheduleDevice& device : schedule_.devices) result.devices.push_back(device.name);
    for (std::size_t index = 0; index < graph_.activities.size(); ++index) {
      const Activity& activity = graph_.activities[index];
      for (const schedule::OpId id : {activity.op, activity.recv}) {
        if (id < 0) continue;
        const schedule::Op& op = schedule_.ops[static_cast<std::size_t>(id)];
        result.spans.push_back({op.device, op.key, seconds(start_[index]), seconds(end_[index]), op.bytes});
      }
    }
    traces::sort_spans(result);
    return result;
  }

  const schedule::Schedule& schedule_;
  Backend& backend_;
  ActivityGraph graph_;
  std::vector<Clock::time_point> start_;  // [activity], written by its worker alone
  std::vector<Clock::time_point> end_;
  std::mutex mutex_;
  std::unique_ptr<std::condition_variable[]> wake_;  // [worker]
  std::size_t entered_ = 0;
  bool started_ = false;
  Clock::time_point common_start_;
  std::exception_ptr failure_;
};

void check(const schedule::Schedule& schedule) {
  const std::vector<std::string> faults = schedule::faults(schedule);
  if (!faults.empty()) throw input::InputError("schedule: " + faults.front());
  const schedule::Progress progress = schedule::can_complete(schedule);
  if (!progress.completes) throw input::InputError("schedule: " + progress.reason);
}

}  // namespace

traces::Timeline run_schedule(const schedule::Schedule& schedule, Backend& backend) {
  check(schedule);
  return ScheduleRun(schedule, backend).execute();
}

}  // namespace ppplan::exec
