#include "exec/run_graph.h"

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

namespace ppplan::exec {

namespace {

std::string reason(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "unknown failure";
  }
}

// One mutex guards the counts of what is pending: an end touches a handful of them, and there are at most some hundred
// threads. Each worker sleeps on its own condition, so that an end wakes only those that it lets go on.
class GraphRun {
 public:
  GraphRun(ActivityGraph graph, const GraphHooks& hooks) : hooks_(hooks), graph_(std::move(graph)) {
    wake_ = std::make_unique<std::condition_variable[]>(graph_.workers.size());
    times_.start.resize(graph_.activities.size());
    times_.end.resize(graph_.activities.size());
  }

  GraphTimes execute() {
    if (graph_.workers.empty()) times_.begin = hooks_.begin();
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
    return std::move(times_);
  }

 private:
  void work(std::size_t index) {
    const Worker& worker = graph_.workers[index];
    try {
      hooks_.enter(worker);
      if (!await_start(index)) return;
      for (const int activity : worker.activities) {
        if (!await_turn(index, activity)) return;
        times_.start[static_cast<std::size_t>(activity)] = Clock::now();
        hooks_.perform(graph_.activities[static_cast<std::size_t>(activity)]);
        times_.end[static_cast<std::size_t>(activity)] = Clock::now();
        release_dependents(activity);
      }
    } catch (...) {
      fail(std::current_exception());
    }
  }

  // The last worker to arrive starts the clock. False when the run has failed meanwhile.
  bool await_start(std::size_t worker) {
    std::unique_lock lock(mutex_);
    if (++entered_ == graph_.workers.size()) {
      lock.unlock();
      const Clock::time_point begin = hooks_.begin();
      lock.lock();
      times_.begin = begin;
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
    {
      const std::lock_guard lock(mutex_);
      if (failure_) return;
      failure_ = failure;
      notify_all();
    }
    if (hooks_.on_failure) hooks_.on_failure(reason(failure).c_str());
  }

  void notify_all() {
    for (std::size_t worker = 0; worker < graph_.workers.size(); ++worker) wake_[worker].notify_one();
  }

  const GraphHooks& hooks_;
  ActivityGraph graph_;
  GraphTimes times_;  // each activity's by its worker alone
  std::mutex mutex_;
  std::unique_ptr<std::condition_variable[]> wake_;  // [worker]
  std::size_t entered_ = 0;
  bool started_ = false;
  std::exception_ptr failure_;
};

}  // namespace

GraphTimes run_graph(ActivityGraph graph, const GraphHooks& hooks) {
  return GraphRun(std::move(graph), hooks).execute();
}

}  // namespace ppplan::exec
