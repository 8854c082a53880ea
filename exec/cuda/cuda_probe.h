// Runs single operations of a model on a GPU as a stage of the CUDA backend runs them: through CudaStage, as CUDA
// graphs and eagerly.
//
// What weighs in a layer's time is whether its weights come from the second-level cache. In a run they don't: the other
// layers of the stage went through it since. So layers are run over enough copies in turn that a copy's weights have
// left the cache when it comes up again; activations stay, as in a run. Embedding and head have no copies: between two
// of their runs a buffer of twice the cache is written, outside of the time.
#pragma once

#include <optional>
#include <vector>

#include "exec/cuda/cuda_stage.h"
#include "exec/profile_point.h"
#include "kernels/cuda/sm_slices.h"

namespace ppplan::exec::cuda {

/// Copies of a layer whose weights, as far as one token reads them, are twice the cache; at least one.
int cold_copies(const kernels::host::LayerShape& shape, std::int64_t l2_bytes);

/// The run of one stage whose micro-batches are `points`, which are all of one kind and layer shape. Of a layer, the
/// stage has `copies`.
PipelineRun probe_run(const spec::ModelSpec& model, const std::vector<ProfilePoint>& points, int copies,
                      std::uint64_t seed);

class CudaProbe {
 public:
  struct Settings {
    const kernels::cuda::SmSlices* slices = nullptr;  // runs on the first of them
    std::size_t workspace_bytes = kernels::cuda::Linear::kWorkspaceBytes;
    double sample_s = 5e-3;  // a sample of a layer is as many runs in one graph as last this long
    int most_runs = 64;      // in one graph
  };
  /// On the current device. `run` is a probe_run(). `calls` outlives it. Throws StagesTooLarge and as CudaStage.
  CudaProbe(const PipelineRun& run, const kernels::cuda::BlasCalls& calls, const Settings& settings);

  struct Samples {
    std::vector<double> graph_s;  // each the mean over a graph's runs and the copies of a layer
    std::vector<double> eager_s;  // kernels launched one by one, the host's part included where it is the longer
  };
  /// `count` samples of each of a point, after one eager run and one graph that are not counted.
  Samples samples(std::size_t point, int count);
  /// Keeps the device busy with a point.
  void run(std::size_t point);
  std::vector<kernels::cuda::LinearChoice> choices() const { return stage_.choices(); }

 private:
  void enqueue(std::size_t point);
  double timed(cudaGraphExec_t graph, std::size_t point);
  kernels::cuda::GraphExec graph_of(std::size_t point, int runs);

  Settings settings_;
  int copies_;  // 0 of embedding and head
  CudaStage stage_;
  kernels::cuda::Stream stream_;
  kernels::cuda::Event begin_, end_;
  DeviceArray<int> tokens_, sampled_;
  DeviceArray<Bf16> in_, out_, logits_;
  DeviceArray<std::byte> flush_;  // none for layers
};

}  // namespace ppplan::exec::cuda
