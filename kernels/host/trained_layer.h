// What the two directions of a layer in training share.
#pragma once

#include <cstddef>

#include "kernels/host/layer_steps.h"
#include "kernels/host/layer_training.h"

namespace ppplan::kernels::host {

inline std::size_t area(int rows, int width) {
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width);
}

/// Queries and keys of a row.
inline int rotated_width(const LayerShape& s) {
  return (s.attention.heads + s.attention.kv_heads) * s.attention.head_dim;
}

inline LayerStep step_of(const TrainedLayer& layer) {
  return {layer.operations, layer.shape, layer.weights, layer.rope, layer.batch};
}

/// The workspace as the cache of one sequence.
inline KvCache cache_of(const TrainedLayer& layer) {
  return {layer.work.keys.data(), layer.work.values.data(), layer.batch.new_tokens};
}

/// Parts of LayerActivations::gains.
struct GainGradients {
  float* attention = nullptr;     // [hidden]
  float* feed_forward = nullptr;  // [hidden]
  float* query = nullptr;         // [head_dim]
  float* key = nullptr;           // [head_dim]
};
inline std::size_t gain_floats(const LayerShape& s) {
  const std::size_t hidden = Buffer::aligned(area(1, s.hidden)), head = Buffer::aligned(area(1, s.attention.head_dim));
  return 2 * hidden + (s.qk_norm ? 2 * head : 0);
}
inline GainGradients gain_gradients(const LayerShape& s, float* gains) {
  const std::size_t hidden = Buffer::aligned(area(1, s.hidden)), head = Buffer::aligned(area(1, s.attention.head_dim));
  return {gains, gains + hidden, gains + 2 * hidden, gains + 2 * hidden + head};
}

/// Calls visit(expert, count, arrays) for each expert that `count` > 0 rows chose, in order; the workspace holds the
/// rows and their weights.
template <typename Visit>
void for_each_expert(const TrainedLayer& layer, Visit visit) {
  const LayerShape& s = layer.shape;
  LayerActivations& kept = layer.kept;
  int done = 0;
  for (int expert = 0; expert < s.experts; ++expert) {
    const int count = rows_of_expert(kept.expert, kept.expert_weight.data(), s.experts_per_token, expert,
                                     layer.work.expert_row.data(), layer.work.row_weight.data());
    if (count == 0) continue;
    visit(expert, count,
          GatedArrays{kept.gate_up.data() + area(done, 2 * s.intermediate),
                      kept.activated.data() + area(done, s.intermediate)});
    done += count;
  }
}

}  // namespace ppplan::kernels::host
