// Weights of layers and ends on the host, fp32, drawn from a seed: a layer's weights depend on the seed and its index
// alone.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/host/layer.h"
#include "planner/spec/model_spec.h"

namespace ppplan::exec {

/// The shape that the kernels take. Throws InputError for heads that don't share out over KV heads, an odd head_dim or
/// rope_dim, or a layer with a part that no kernel here computes.
kernels::host::LayerShape layer_shape(const spec::ModelSpec& model, int layer);
/// Floats that LayerMemory holds for a layer.
std::size_t layer_floats(const kernels::host::LayerShape& shape);

/// One layer's weights in one block of memory. Matrices are uniform with variance 1/inputs, norms near 1.
class LayerMemory {
 public:
  LayerMemory(const kernels::host::LayerShape& shape, int layer, std::uint64_t seed);
  const kernels::host::LayerShape& shape() const { return shape_; }
  const kernels::host::LayerWeights& weights() const { return weights_; }
  /// All of them in their order, gaps up to the next boundary included: what an optimizer goes through.
  std::span<float> values() { return {memory_.data(), memory_.size()}; }

 private:
  kernels::host::LayerShape shape_;
  kernels::host::Buffer memory_;
  kernels::host::LayerWeights weights_;
};

/// The parts of a layer's gradients in a block of layer_floats() floats, in the same places as its weights.
kernels::host::LayerGradients gradient_arrays(const kernels::host::LayerShape& shape, float* memory);

/// Embedding or head [vocabulary, hidden]; a tied head equals the embedding.
enum class End { embedding, head };
kernels::host::Buffer end_weights(const spec::ModelSpec& model, End end, std::uint64_t seed);
/// The norm before the head [hidden].
kernels::host::Buffer final_norm(const spec::ModelSpec& model, std::uint64_t seed);

}  // namespace ppplan::exec
