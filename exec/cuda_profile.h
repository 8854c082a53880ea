// Measures a GPU's kernels and links for one model into a profile: engine "ppplan 0.1", bf16. Needs no toolkit.
//
// Every operation is measured through the code that a stage runs (exec/cuda/cuda_probe.h), with random data and cold
// weights, as part of CUDA graphs (the profile's times) and eagerly. Sizes are gone through in random order, round
// after round. Messages are measured through the wires that a run uses, where there are two GPUs. Where a keeper is
// given, a run goes on from what earlier ones had measured when they ended.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "exec/cuda_execution.h"
#include "exec/profile_point.h"
#include "exec/profile_progress.h"
#include "traces/profile.h"

namespace ppplan::exec {

struct CudaProfileOptions {
  spec::ModelSpec model;
  int gpu = 0;
  int slice = 0;  // multiprocessors of the GPU to measure on, rounded up to what it can cut; 0 = all
  ProfileSizes sizes = {4096, 128, 4096};
  std::int64_t max_message_bytes = 1 << 28;  // messages of 1 KiB, 4 KiB, ... up to this
  CudaTransport transport = CudaTransport::local;
  double warm_up_s = 3;   // of work before the first sample, so that clocks settle
  double budget_s = 240;  // of all runs together; stops starting rounds when the next would pass it; one round of each
                          // point is always run
  int rounds = 4;         // of five samples of each point; fewer where the budget ends before
  std::uint64_t seed = 1;
  ProfileKeeper keeper;
};

struct CudaProfile {
  traces::Profile profile;                     // device: the driver's name of the GPU
  int slice = 0;                               // as it was granted
  std::vector<traces::Operation> eager;        // the same operations, launched kernel by kernel
  std::vector<std::vector<GemmChoice>> gemms;  // of each group of points: layer shapes, embedding, head
};

/// `progress` is told the finished fraction and what comes next. Throws InputError for sizes as check_sizes, layers
/// that the kernels don't compute and a GPU that is not there; StagesTooLarge, kernels::cuda::LibraryMissing and
/// SlicesRefused, std::runtime_error for what the GPU answers; without a device, std::runtime_error with
/// CudaMachine::why.
CudaProfile profile_gpu(const CudaProfileOptions& options,
                        const std::function<void(double fraction, const std::string& what)>& progress);

}  // namespace ppplan::exec
