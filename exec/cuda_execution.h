// What this build and this machine have of CUDA, and a schedule run on it: the one header of the CUDA backend that
// needs no toolkit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "exec/device_memory.h"
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

/// How a message goes from one GPU to another: by an asynchronous copy, or through NCCL.
enum class CudaTransport { local, nccl };

/// How cuBLASLt carries out one product: LinearChoice of kernels/cuda/linear.h.
struct GemmChoice {
  int rows = 0;
  int inputs = 0;
  int outputs = 0;
  bool bias = false;
  bool addend = false;
  std::string output_type;  // "bf16" or "fp32"
  int algorithm = 0;
  int tile = 0;    // cublasLtMatmulTile_t
  int stages = 0;  // cublasLtMatmulStages_t, of the kernel
  int split_k = 1;
  std::int64_t workspace_bytes = 0;
  double waves = 0;
  int heads = 1;  // whose products are one call
};

/// What a stage's ops of one run take, seconds in all: beside the other stages (median of the runs), and once more with
/// the rest of the GPUs idle. Where stages share a GPU, the ratio is what sharing its memory and caches costs.
struct StageBusy {
  double beside_others_s = 0;
  double alone_s = 0;
};

/// How long a message of `bytes` from stage to stage lasts at least.
struct WireTime {
  int from_stage = 0;
  int to_stage = 0;
  std::size_t bytes = 0;
  double seconds = 0;
};

struct CudaExecutionOptions {
  CudaTransport transport = CudaTransport::local;  // of stages in one process; ranks always take NCCL
  int repeats = 3;
  double deadline_s = 60;  // of one run
  double first_s = 60;     // at least, of what ranks do once: connections, and runs that choose algorithms
  /// [stage]: multiprocessors of one GPU that the stage has for itself, rounded up to what the GPU can cut; empty =
  /// stages share their GPUs whole.
  std::vector<int> slices = {};
  std::vector<WireTime> wires = {};  // of stages in one process: every message; empty = they take what they take
};

/// Told of progress, from 0 to 1.
using RunStep = std::function<void(double fraction)>;

struct CudaExecution {
  std::vector<traces::Timeline> measured;  // one per repeat
  /// Of every output from one GPU's: row_distances() of output_distance.h; nothing where the whole model does not fit
  /// on one.
  std::optional<std::vector<double>> distances;
  std::vector<int> slices;                     // [stage]: as they were granted
  std::vector<StageBusy> busy;                 // [stage]
  std::vector<StageMemory> memory;             // [stage]
  std::vector<std::vector<GemmChoice>> gemms;  // [stage]
  std::map<std::string, std::string> machine;  // GPU, driver and libraries: gpu_facts() of exec/cuda
};

/// All stages in this process: stage s on GPU s of those there are, again and again. Two runs that are not counted come
/// first: one chooses algorithms and loads kernels, one records graphs. Throws InputError, StagesTooLarge before
/// anything is allocated, kernels::cuda::LibraryMissing and SlicesRefused, and std::runtime_error for what the GPUs
/// answer; without a device, std::runtime_error with CudaMachine::why.
CudaExecution execute_on_gpus(const PipelineRun& run, const schedule::Schedule& schedule,
                              const CudaExecutionOptions& options, const RunStep& step);

/// One rank of a run on GPUs, one process each: a stage, or its part of one, on a GPU, with messages by NCCL.
class CudaRank {
 public:
  virtual ~CudaRank() = default;
  /// As CudaExecution::machine, of this rank's GPU.
  virtual const std::map<std::string, std::string>& machine() const = 0;
  /// All ranks call it at the same time, on the layout that rank_layout (rank_run.h) gives for their parts. Rank 0 gets
  /// the timelines, the others none. Runs that are not counted come first, as above, and have first_s at least. When
  /// one rank fails, all end with what it says, within the deadline of the control plane: GroupError, and on the rank
  /// itself what it threw.
  virtual CudaExecution execute(groups::ParallelState& ranks, const CudaExecutionOptions& options,
                                const RunStep& step) = 0;
  /// CudaExecution::distances, on rank 0 after execute(); the other ranks may be gone.
  virtual std::optional<std::vector<double>> distances() = 0;
  /// On rank 0 after execute(): of every micro-batch that samples.
  virtual const std::vector<Logits>& outputs() const = 0;
  /// distances() of outputs that other ranks came to with another seed: a replica's.
  virtual std::optional<std::vector<double>> distances(const std::vector<Logits>& outputs, std::uint64_t seed) = 0;
};
/// Weights, caches and buffers of its part of `run.only_stage` on `gpu` are there when it returns. `schedule` outlives
/// it. Throws as execute_on_gpus.
std::unique_ptr<CudaRank> make_cuda_rank(const PipelineRun& run, const TensorRank& part,
                                         const schedule::Schedule& schedule, int gpu);

}  // namespace ppplan::exec
