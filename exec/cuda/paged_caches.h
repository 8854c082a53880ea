// The KV caches of a stage's layers in pages. Every sequence has its own pages, in a seeded random order, so that no
// result hangs on pages that lie side by side.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "exec/cuda/device_weights.h"
#include "exec/pipeline_run.h"

namespace ppplan::exec::cuda {

class PagedCaches {
 public:
  static constexpr int kPageTokens = 16;

  /// Caches of a rank's KV heads, or of latents, which all ranks hold whole, in layers [first_layer, first_layer +
  /// shapes.size()), whose whole shapes are given, for every chain of micro-batches, with the past tokens that KvSet
  /// (host_stage.h) draws, rounded. On the current device, there when it returns. Throws DeviceError.
  PagedCaches(std::span<const kernels::host::LayerShape> shapes, const TensorRank& part, int first_layer,
              const std::map<int, KvSize>& sizes, std::uint64_t seed, cudaStream_t stream);
  kernels::cuda::PagedKv layer(std::size_t index) const { return layers_[index].pages(); }
  /// Of one chain: [sequences, pages_of_sequence].
  const std::vector<int>& pages(int chain) const { return chains_.at(chain); }
  static int pages_of_sequence(const KvSize& size) { return (size.capacity + kPageTokens - 1) / kPageTokens; }

 private:
  struct Layer {
    DeviceArray<Bf16> keys, values;  // latents are keys without values
    kernels::cuda::PagedKv pages() const { return {keys.data(), values.data(), kPageTokens}; }
  };
  std::map<int, std::vector<int>> chains_;
  std::vector<Layer> layers_;
};

}  // namespace ppplan::exec::cuda
