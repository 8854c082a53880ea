// The layers and ends of one pipeline stage on one GPU, and the KV caches of its sequences: what a compute op of the
// CUDA backend enqueues.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "exec/cuda/paged_caches.h"
#include "exec/cuda/step_arrays.h"
#include "exec/cuda/tensor_group.h"
#include "exec/pipeline_run.h"
#include "kernels/cuda/layer.h"

namespace ppplan::exec::cuda {

/// Where a micro-batch's compute reads and writes, in memory of the stage's GPU.
struct StepBuffers {
  const int* tokens = nullptr;  // [rows], of the stage with the embedding
  const Bf16* in = nullptr;     // [rows, hidden], of the others; of a tensor-parallel group this rank's slice of it
  Bf16* out = nullptr;          // [rows, hidden]
  Bf16* logits = nullptr;       // [sequences, vocabulary], of the stage with the head when the micro-batch samples
  int* sampled = nullptr;       // [sequences], likewise
};

/// For one stream. A rank of a tensor-parallel group holds its part of every layer (tensor_part.h) and its rows of
/// embedding and head; activations are whole and equal on all ranks after each block, and so are logits.
class CudaStage {
 public:
  /// On the current device, there when it returns. `calls` and `group` outlive it; without a group the stage is whole.
  /// Throws InputError for layers that the kernels don't compute or the group can't share, DeviceError.
  CudaStage(const PipelineRun& run, std::size_t stage, const kernels::cuda::BlasCalls& calls,
            std::size_t workspace_bytes, TensorGroup* group = nullptr);

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
  void make_ends(const PipelineRun& run, const spec::Stage& held, cudaStream_t stream);
  void embed(std::size_t micro_batch, const int* tokens, Bf16* out, cudaStream_t stream);
  const Bf16* whole_input(std::size_t micro_batch, const Bf16* slice, cudaStream_t stream);
  void run_layers(std::size_t micro_batch, const Bf16* in, Bf16* out, cudaStream_t stream);
  void project(int sequences, Bf16* logits, cudaStream_t stream);
  void sample(std::size_t micro_batch, const StepBuffers& buffers, cudaStream_t stream);

  int hidden_;
  int vocabulary_;
  float norm_epsilon_;
  TensorGroup* group_;
  TensorRank part_;
  std::vector<spec::BatchShape> batches_;
  std::vector<DeviceLayer> layers_;
  std::map<int, Rope> rope_;  // by how many values of a head are rotated
  std::optional<PagedCaches> caches_;
  std::vector<StepArrays> steps_;  // [micro-batch]
  DeviceArray<Bf16> embedding_, head_, final_norm_;
  DeviceArray<Bf16> last_;                       // [sequences, hidden]
  DeviceArray<Bf16> gathered_;                   // [rows, hidden], of a group
  DeviceArray<Bf16> own_logits_, their_logits_;  // [sequences, rows of the head], and of all ranks, of a group
  kernels::cuda::Workspace workspace_;
  kernels::cuda::Linear linear_;
};

}  // namespace ppplan::exec::cuda
