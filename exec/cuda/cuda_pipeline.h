// Real transformer layers on GPUs: one schedule device per stage, seeded weights, messages over wires.
#pragma once

#include <memory>
#include <vector>

#include "exec/cuda/stream_backend.h"
#include "exec/cuda/tensor_group.h"
#include "exec/cuda/wires.h"
#include "exec/pipeline_run.h"
#include "kernels/cuda/linear.h"

namespace ppplan::exec::cuda {

struct CudaRun : PipelineRun {
  std::vector<int> gpus;      // [stage] -> GPU; empty = stage s on GPU s of those there are, again and again
  std::vector<int> slices;    // [stage] -> multiprocessors that it has for itself, of one GPU; empty = whole GPUs
  bool graphs = true;         // a stage's compute of a micro-batch is a CUDA graph from its second run on
  bool keeps_logits = false;  // else sampled tokens alone
  std::size_t workspace_bytes = kernels::cuda::Linear::kWorkspaceBytes;  // of each stage's products
};

/// [stage]: the run's GPUs, completed as CudaRun::gpus says; kElsewhere of stages that it doesn't hold. Throws
/// InputError for one that the machine lacks, DeviceError.
std::vector<int> gpus_of(const CudaRun& run);

/// All stages in one process, or with `only_stage` that one, whose messages then have one side here. A decode step
/// takes the tokens that came back, as HostBackend says.
class CudaPipeline : public StreamBackend {
 public:
  /// Weights, caches and buffers are there when it returns. `calls`, `wires` and `group` outlive it; `group` is the
  /// tensor-parallel one of `only_stage`, of which this is one rank: between stages each rank then sends its slice of
  /// an activation to its equal, and nothing is a CUDA graph, which NCCL's calls stay out of. Throws InputError as
  /// HostBackend does, for layers that the kernels don't compute, and for slices that are not one a stage on one GPU;
  /// kernels::cuda::SlicesRefused; DeviceError.
  CudaPipeline(CudaRun run, const kernels::cuda::BlasCalls& calls, Wires& wires, TensorGroup* group = nullptr);
  ~CudaPipeline() override;
  int gpu(int device) const override;
  kernels::cuda::Stream make_stream(int device, kernels::cuda::Urgency urgency) override;
  /// Throws InputError for anything but a forward of a stage and micro-batch of the run.
  void compute(const schedule::Op& op, cudaStream_t stream) override;
  void transfer(const schedule::Op& send, const schedule::Op& recv, int slot, const TransferStreams& streams) override;

  /// Before another run of the same schedule: no tokens have come back yet.
  void reset();
  /// Per micro-batch; empty where it samples nothing, and where the last stage is elsewhere. For use when no stream of
  /// the run is busy; logits throw std::logic_error unless the run keeps them.
  std::vector<Logits> logits() const;
  std::vector<std::vector<int>> sampled() const;
  /// [stage]: multiprocessors of its slice; empty where stages have whole GPUs.
  std::vector<int> slices() const;
  /// The algorithms of each stage's products; none of stages elsewhere.
  std::vector<std::vector<kernels::cuda::LinearChoice>> choices() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The same micro-batches through all layers on one GPU, one after another on one stream.
std::vector<Logits> one_device_logits(const CudaRun& run, const kernels::cuda::BlasCalls& calls);

}  // namespace ppplan::exec::cuda
