// One decoder layer on one core: norm, attention, residual, norm, feed-forward or experts, residual.
//
//   h = x + Attention(RmsNorm(x))        y = h + FeedForward(RmsNorm(h))
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kernels/host/buffer.h"
#include "kernels/host/operations.h"
#include "kernels/host/rope_table.h"

namespace ppplan::kernels::host {

struct LayerShape {
  int hidden = 0;
  AttentionShape attention;
  bool qkv_bias = false;
  bool qk_norm = false;
  int intermediate = 0;  // of the dense block, or of one expert
  int experts = 0;       // 0: dense
  int experts_per_token = 0;
  int shared_intermediate = 0;  // of experts that every token passes; 0 without
  float norm_epsilon = 1e-5f;

  int qkv_width() const { return (attention.heads + 2 * attention.kv_heads) * attention.head_dim; }
  int attention_width() const { return attention.heads * attention.head_dim; }
  std::size_t kv_width() const { return static_cast<std::size_t>(attention.kv_heads * attention.head_dim); }
};

/// One array for each part of a layer. Matrices are [outputs, inputs]. Pointers of parts that the shape lacks are
/// nullptr.
template <typename Float>
struct LayerArrays {
  Float* attention_norm = nullptr;     // [hidden]
  Float* qkv = nullptr;                // [(heads + 2 kv_heads) * head_dim, hidden]: queries, keys, values
  Float* qkv_bias = nullptr;           // [(heads + 2 kv_heads) * head_dim]
  Float* query_norm = nullptr;         // [head_dim]
  Float* key_norm = nullptr;           // [head_dim]
  Float* attention_output = nullptr;   // [hidden, heads * head_dim]
  Float* feed_forward_norm = nullptr;  // [hidden]
  Float* router = nullptr;             // [experts, hidden]
  Float* gate_up = nullptr;            // [max(experts, 1), 2 * intermediate, hidden]
  Float* down = nullptr;               // [max(experts, 1), hidden, intermediate]
  Float* shared_gate_up = nullptr;     // [2 * shared_intermediate, hidden]
  Float* shared_down = nullptr;        // [hidden, shared_intermediate]
};
using LayerWeights = LayerArrays<const float>;
using LayerGradients = LayerArrays<float>;  // of the same parts

/// Rows of x are ordered [sequence, token]: sequences * new_tokens rows. Every sequence has `past_tokens` in its cache.
struct LayerBatch {
  int sequences = 1;
  int new_tokens = 1;
  int past_tokens = 0;
  int rows() const { return sequences * new_tokens; }
};

/// Intermediate results of any layer of the given shapes at up to `rows` rows and `kv_tokens` cached tokens of a
/// sequence.
class Workspace {
 public:
  Workspace() = default;
  Workspace(std::span<const LayerShape> shapes, int rows, int kv_tokens);

  Buffer normed;                // [rows, hidden]
  Buffer qkv;                   // [rows, qkv_width]
  Buffer attended;              // [rows, heads * head_dim]
  Buffer scratch;               // of attention
  Buffer projected;             // [rows, hidden]
  Buffer gate_up;               // [rows, 2 * intermediate]
  Buffer activated;             // [rows, intermediate]
  Buffer router;                // [rows, experts]
  Buffer gathered;              // [rows, hidden]
  Buffer row_weight;            // [rows]
  Buffer expert_weight;         // [rows, experts_per_token]
  std::vector<int> expert_row;  // [rows]
  std::vector<int> expert;      // [rows, experts_per_token]
};

/// y [rows, hidden] from x; y may be x. caches[s] is the cache of sequence s in this layer, extended by the new tokens.
/// The workspace covers the shape and the batch, the table every position.
void decoder_layer(const Operations& operations, const LayerShape& shape, const LayerWeights& weights,
                   const RopeTable& rope, const LayerBatch& batch, std::span<const KvCache> caches,
                   Workspace& workspace, const float* x, float* y);

}  // namespace ppplan::kernels::host
