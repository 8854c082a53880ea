// Groups whose messages NCCL carries pass the shared suite, on the doubles: ranks are threads with a GPU each.
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "exec/cuda/nccl_world.h"
#include "exec/groups/thread_world.h"
#include "tests/cuda_on_cpu/nccl.h"
#include "tests/cuda_on_cpu/runtime.h"
#include "tests/exec/group_suite.h"

namespace ppplan::tests {
namespace {

Outcomes run_ranks(int size, double deadline_s, const Program& program) {
  cuda_on_cpu::set_machine(static_cast<unsigned>(size), {.devices = size, .patience_s = 20});
  auto controls = exec::groups::thread_worlds(size, deadline_s);
  Outcomes out(controls.size());
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < controls.size(); ++r)
    threads.emplace_back([&, r, control = std::move(controls[r])]() mutable {
      out[r] = outcome_of([&] {
        const auto world = exec::cuda::join_nccl_world(std::move(control), cuda_on_cpu::nccl_calls(),
                                                       {static_cast<int>(r), std::max(deadline_s, 5.0)});
        program(*world);
      });
    });
  for (auto& thread : threads) thread.join();
  return out;
}

INSTANTIATE_TEST_SUITE_P(Groups, GroupSuite, testing::Values(Launch{"Nccl", run_ranks}), launch_name);

}  // namespace
}  // namespace ppplan::tests
