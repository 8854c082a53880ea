// The layers and ends of one pipeline stage on one CPU core, and the KV caches of its sequences: what a compute op of
// the host backend runs, and what the profiler measures.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "exec/host_weights.h"
#include "exec/pipeline_run.h"
#include "kernels/host/layer.h"

namespace ppplan::exec {

/// The caches of a set of sequences in layers [first_layer, first_layer + shapes.size()) in one block of memory, with
/// room for `capacity` tokens a sequence. The first `past_tokens` of each are drawn from the seed, the layer and `set`:
/// what an earlier prefill would have left.
class KvSet {
 public:
  using Size = KvSize;
  KvSet(std::span<const kernels::host::LayerShape> shapes, int first_layer, const Size& size, std::uint64_t seed,
        int set);
  /// Of one layer, counted from the first: the cache of each sequence.
  std::span<const kernels::host::KvCache> caches(std::size_t layer) const { return caches_[layer]; }
  /// Floats that a set takes.
  static std::size_t floats(std::span<const kernels::host::LayerShape> shapes, const Size& size);

 private:
  kernels::host::Buffer memory_;
  std::vector<std::vector<kernels::host::KvCache>> caches_;  // [layer][sequence]
};

/// Not for use by two threads at once.
class HostStage {
 public:
  /// Layers [stage.first_layer, stage.end_layer), embedding and head as the stage owns them.
  HostStage(const spec::ModelSpec& model, const spec::Stage& stage, const StageLimits& limits, std::uint64_t seed);

  /// x [tokens, hidden]. The stage owns the embedding.
  void embed(std::span<const int> tokens, float* x);
  /// y [rows, hidden] from x through every layer; y may be x.
  void run_layers(const kernels::host::LayerBatch& batch, const KvSet& kv, const float* x, float* y);
  /// The last token of each sequence through the final norm and the head: logits [sequences, vocabulary], and the index
  /// of the largest, the lowest among equals. The stage owns the head.
  void sample(const kernels::host::LayerBatch& batch, const float* x, float* logits, int* tokens);

  std::span<const kernels::host::LayerShape> shapes() const { return shapes_; }
  int first_layer() const { return first_layer_; }

 private:
  const kernels::host::Operations& operations_;
  int hidden_ = 0;
  int vocabulary_ = 0;
  int first_layer_ = 0;
  float norm_epsilon_ = 0;
  std::vector<kernels::host::LayerShape> shapes_;
  std::vector<LayerMemory> layers_;
  std::map<int, kernels::host::RopeTable> rope_;  // by how many values of a head are rotated
  kernels::host::Workspace workspace_;
  kernels::host::Buffer embedding_;
  kernels::host::Buffer head_;
  kernels::host::Buffer final_norm_;
  kernels::host::Buffer last_;  // [sequences, hidden]
  std::vector<int> last_row_;   // [sequences]
};

}  // namespace ppplan::exec
