// The layers and ends of one pipeline stage on one GPU, and the KV caches of its sequences: what a compute op of the
// CUDA backend enqueues.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "exec/cuda/paged_caches.h"
#include "exec/cuda/step_arrays.h"
#include "exec/pipeline_run.h"
#include "kernels/cuda/layer.h"

namespace ppplan::exec::cuda {

/// Where a micro-batch's compute reads and writes, in memory of the stage's GPU.
struct StepBuffers {
  const int* tokens = nullptr;  // [rows], of the stage with the embedding
  const Bf16* in = nullptr;     // [rows, hidden], of the others
  Bf16* out = nullptr;          // [rows, hidden]
  Bf16* logits = nullptr;       // [sequences, vocabulary], of the stage with the head when the micro-batch samples
  int* sampled = nullptr;       // [sequences], likewise
};

/// For one stream.
class CudaStage {
 public:
  /// On the current device, there when it returns. `calls` outlives it. Throws InputError for layers that the kernels
  /// don't compute, DeviceError.
  CudaStage(const PipelineRun& run, std::size_t stage, const kernels::cuda::BlasCalls& calls,
            std::size_t workspace_bytes);

  /// Enqueues the embedding, the layers and the head, as the stage owns them.
  void forward(std::size_t micro_batch, const StepBuffers& buffers, cudaStream_t stream);
  /// Before its first forward: its stream has so many multiprocessors of the GPU and no more.
  void limit_processors(int processors) {
    workspace_.processors = processors;
    linear_.limit_processors(processors);
  }
  bool owns_embedding() const { return embedding_.size() > 0; }
  bool owns_head() const { return head_.size() > 0; }
  std::vector<kernels::cuda::LinearChoice> choices() const { return linear_.choices(); }

 private:
  struct Rope {
    DeviceArray<float> cosines, sines;
  };
  void run_layers(std::size_t micro_batch, const Bf16* in, Bf16* out, cudaStream_t stream);
  void sample(std::size_t micro_batch, const StepBuffers& buffers, cudaStream_t stream);

  int hidden_;
  int vocabulary_;
  float norm_epsilon_;
  std::vector<spec::BatchShape> batches_;
  std::vector<DeviceLayer> layers_;
  std::map<int, Rope> rope_;  // by head dimension
  std::optional<PagedCaches> caches_;
  std::vector<StepArrays> steps_;  // [micro-batch]
  DeviceArray<Bf16> embedding_, head_, final_norm_;
  DeviceArray<Bf16> last_;  // [sequences, hidden]
  kernels::cuda::Workspace workspace_;
  kernels::cuda::Linear linear_;
};

}  // namespace ppplan::exec::cuda
