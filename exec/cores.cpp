#include "exec/cores.h"

#include <sched.h>
#include <unistd.h>

#include <exception>
#include <string>
#include <thread>

#include "planner/input/input_error.h"

namespace ppplan::exec {

std::vector<int> allowed_cores() {
  // The process's mask, not the calling thread's: a thread that was pinned still sees all of them.
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (sched_getaffinity(getpid(), sizeof set, &set) != 0) return {0};
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

void pin_to_core(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (core >= 0 && core < CPU_SETSIZE) CPU_SET(core, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) {
    throw input::InputError("cores: expected CPUs that this process may use, found " + std::to_string(core));
  }
}

void on_cores(const std::vector<int>& cores, const std::function<void(std::size_t index)>& work) {
  std::vector<std::exception_ptr> failures(cores.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < cores.size(); ++i) {
      threads.emplace_back([&, i] {
        try {
          pin_to_core(cores[i]);
          work(i);
        } catch (...) {
          failures[i] = std::current_exception();
        }
      });
    }
  }
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace ppplan::exec
