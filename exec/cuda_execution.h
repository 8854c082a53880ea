// What this build and this machine have of CUDA, and a schedule run on it: the one header of the CUDA backend that
// needs no toolkit.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "exec/groups/parallel_state.h"
#include "exec/pipeline_run.h"
#include "exec/tensor_part.h"
#include "planner/schedule/schedule.h"
#include "traces/timeline.h"

namespace ppplan::exec {

struct CudaMachine {
  bool is_built = false;  // the build found the toolkit
  int devices = 0;        // that the driver shows
  std::string why;        // there are none; "" where there are
};
CudaMachine cuda_machine();

struct CudaExecutionOptions {
  int repeats = 3;
  double deadline_s = 60;  // of one run
};

/// Told of progress, from 0 to 1.
using RunStep = std::function<void(double fraction)>;

struct CudaExecution {
  std::vector<traces::Timeline> measured;  // one per repeat
  /// Largest difference of a logit from one GPU's, relative to the largest logit; nothing where the whole model does
  /// not fit on one.
  std::optional<double> distance;
};
/// Up to it the outputs count as those of one GPU: bf16 keeps 8 bits, and other GPUs may get other algorithms.
inline constexpr double kCudaTolerance = 1.0 / 64;

/// All stages in this process: stage s on GPU s of those there are, again and again. Two runs that are not counted come
/// first: one chooses algorithms and loads kernels, one records graphs. Throws InputError,
/// kernels::cuda::LibraryMissing, and std::runtime_error for what the GPUs answer; without a device, std::runtime_error
/// with CudaMachine::why.
CudaExecution execute_on_gpus(const PipelineRun& run, const schedule::Schedule& schedule,
                              const CudaExecutionOptions& options, const RunStep& step);

/// One rank of a run on GPUs, one process each: a stage, or its part of one, on a GPU, with messages by NCCL.
class CudaRank {
 public:
  virtual ~CudaRank() = default;
  /// All ranks call it at the same time, on the layout that rank_layout (rank_run.h) gives for their parts. Rank 0 gets
  /// the timelines, and the distance where one device's memory allows; the others get nothing. Runs that are not
  /// counted come first, as above. When one rank fails, all end with what it says, within the deadline of the control
  /// plane: GroupError, and on the rank itself what it threw.
  virtual CudaExecution execute(groups::ParallelState& ranks, const CudaExecutionOptions& options,
                                const RunStep& step) = 0;
};
/// Weights, caches and buffers of its part of `run.only_stage` on `gpu` are there when it returns. `schedule` outlives
/// it. Throws as execute_on_gpus.
std::unique_ptr<CudaRank> make_cuda_rank(const PipelineRun& run, const TensorRank& part,
                                         const schedule::Schedule& schedule, int gpu);

}  // namespace ppplan::exec
