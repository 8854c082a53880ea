// Steps of a layer's forward that serving (layer.h) and training (layer_training.h) share; they differ in where results
// are kept.
#pragma once

#include <span>

#include "kernels/host/layer.h"

namespace ppplan::kernels::host {

struct LayerStep {
  const Operations& operations;
  const LayerShape& shape;
  const LayerWeights& weights;
  const RopeTable& rope;
  const LayerBatch& batch;
};

/// Norm and rotation of one sequence's queries and keys where they lie in the fused projection qkv [new_tokens,
/// qkv_width].
void prepare_heads(const LayerStep& step, float* qkv);
/// Stores keys and values in the cache; out [new_tokens, heads * head_dim].
void attend_sequence(const LayerStep& step, const float* qkv, const KvCache& cache, float* scratch, float* out);
/// Latent attention of all rows, whose products with the layer's qkv lie in work.qkv: norms, the projection of queries,
/// rotation, the cache, and attention. Leaves its result in work.attended.
void attend_latents(const LayerStep& step, std::span<const KvCache> caches, Workspace& work);

/// A gated feed-forward block: dense, one expert, or the shared one. Float is const float of weights, float of
/// gradients.
template <typename Float>
struct GatedWeights {
  int width = 0;
  Float* gate_up = nullptr;  // [2 * width, hidden]
  Float* down = nullptr;     // [hidden, width]
};

/// Of one expert; of the dense block where there are none and `expert` is 0.
template <typename Float>
GatedWeights<Float> expert_weights(const LayerShape& shape, const LayerArrays<Float>& layer, int expert) {
  const auto matrix = static_cast<std::size_t>(shape.intermediate) * static_cast<std::size_t>(shape.hidden);
  const auto index = static_cast<std::size_t>(expert);
  return {shape.intermediate, layer.gate_up + 2 * index * matrix, layer.down + index * matrix};
}
template <typename Float>
GatedWeights<Float> shared_weights(const LayerShape& shape, const LayerArrays<Float>& layer) {
  return {shape.shared_intermediate, layer.shared_gate_up, layer.shared_down};
}

/// What a gated block leaves behind: [rows, 2 * width] and [rows, width].
struct GatedArrays {
  float* gate_up = nullptr;
  float* activated = nullptr;
};
/// out [rows, hidden] = down(silu(gate(x)) * up(x)).
void gated(const LayerStep& step, const float* x, int rows, const GatedWeights<const float>& weights,
           const GatedArrays& arrays, float* out);

/// The rows that chose `expert` and their weights, in order; returns how many. `chosen` [rows, per_token] with weight
/// alike.
int rows_of_expert(std::span<const int> chosen, const float* weight, int per_token, int expert, int* row,
                   float* row_weight);

}  // namespace ppplan::kernels::host
