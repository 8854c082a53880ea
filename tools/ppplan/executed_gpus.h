// Runs a plan's schedule on this machine's GPUs and holds it against the prediction.
#pragma once

#include <string>
#include <vector>

#include "kernels/cuda/shared_library.h"
#include "kernels/cuda/slices_refused.h"
#include "tools/ppplan/context.h"
#include "tools/ppplan/executed.h"

namespace ppplan::tools {

/// Throws Unavailable, with "no CUDA device", where there is none.
void check_has_gpu();

/// What `work` returns. A library or a driver that lacks what it asks for is not a failure but missing here:
/// Unavailable, which blames slices that the GPU refuses on `slice_flag`.
template <typename Work>
auto with_what_gpus_have(const std::string& slice_flag, Work&& work) {
  try {
    return work();
  } catch (const kernels::cuda::LibraryMissing& error) {
    throw Unavailable(std::string("--backend cuda: ") + error.what());
  } catch (const kernels::cuda::SlicesRefused& error) {
    throw Unavailable(slice_flag + ": " + error.what());
  }
}

struct GpuSettings {
  std::string transport = "local";  // or "nccl"
  int repeats = 3;
  std::vector<int> slices;  // CudaExecutionOptions::slices
  bool plan_wires = false;  // messages last at least as long as they would alone on the links of the plan
};

/// All stages in this process. Throws Unavailable without a device, or a library or driver that the GPUs need, for
/// tensor-parallel groups, and what exec::execute_on_gpus throws: StagesTooLarge among it.
Execution execute_on_gpus(const spec::Plan& plan, cost::Phase phase, int count, const GpuSettings& settings,
                          const Step& step);

}  // namespace ppplan::tools
