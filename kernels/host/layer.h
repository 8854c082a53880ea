// One decoder layer on one core: norm, attention, residual, norm, feed-forward or experts, residual.
//
//   h = x + Attention(RmsNorm(x))        y = h + FeedForward(RmsNorm(h))
#pragma once

#include <cstddef>
#include <optional>
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
  std::optional<LatentShape> latent = {};  // of latent attention, which then stands in place of `attention`
  int query_rank = 0;  // of it: the width of the normed latent that queries are projected from; 0: from x itself

  /// Of a row of qkv: queries, keys and values; of latent attention queries or their latent, then what is cached.
  int qkv_width() const {
    return latent ? query_part() + latent->cached() : attention_width() + 2 * attention.kv_heads * attention.head_dim;
  }
  /// Of a row of what attention gives.
  int attention_width() const { return latent ? latent->heads * latent->value : attention.heads * attention.head_dim; }
  std::size_t kv_width() const { return static_cast<std::size_t>(attention.kv_heads * attention.head_dim); }
  /// Of latent attention: a row's queries of all heads, and what of them qkv holds.
  int query_width() const { return latent ? latent->heads * (latent->nope + latent->rope) : attention_width(); }
  int query_part() const { return query_rank > 0 ? query_rank : query_width(); }
  /// Values of a token in the cache.
  std::size_t cached_width() const { return latent ? static_cast<std::size_t>(latent->cached()) : 2 * kv_width(); }
  /// Values of a head that are rotated by position.
  int rotated_dim() const { return latent ? latent->rope : attention.head_dim; }
};

/// One array for each part of a layer. Matrices are [outputs, inputs]. Pointers of parts that the shape lacks are
/// nullptr. Latent attention (operations.h) has its own qkv, norms of its two latents in place of norms of heads, and
/// the last three.
template <typename Float>
struct LayerArrays {
  Float* attention_norm = nullptr;     // [hidden]
  Float* qkv = nullptr;                // [qkv_width, hidden]: queries, keys, values
  Float* qkv_bias = nullptr;           // [qkv_width]
  Float* query_norm = nullptr;         // [head_dim]; [query_rank]
  Float* key_norm = nullptr;           // [head_dim]; [latent]
  Float* attention_output = nullptr;   // [hidden, attention_width]
  Float* feed_forward_norm = nullptr;  // [hidden]
  Float* router = nullptr;             // [experts, hidden]
  Float* gate_up = nullptr;            // [max(experts, 1), 2 * intermediate, hidden]
  Float* down = nullptr;               // [max(experts, 1), hidden, intermediate]
  Float* shared_gate_up = nullptr;     // [2 * shared_intermediate, hidden]
  Float* shared_down = nullptr;        // [hidden, shared_intermediate]
  Float* query_up = nullptr;           // [query_width, query_rank]
  Float* key_up = nullptr;             // [heads * nope, latent]
  Float* value_up = nullptr;           // [heads * value, latent]
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
  Buffer query_latents;         // [rows, query_rank]
  Buffer queries;               // [rows, query_width], of layers with query_rank
  Buffer attended;              // [rows, attention_width]
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

/// y [rows, hidden] from x; y may be x. caches[s] is the cache of sequence s in this layer, extended by the new tokens;
/// of latent attention its keys are what LatentCache::tokens is, and there are no values. The table is of the shape's
/// rotated_dim(). The workspace covers the shape and the batch, the table every position.
void decoder_layer(const Operations& operations, const LayerShape& shape, const LayerWeights& weights,
                   const RopeTable& rope, const LayerBatch& batch, std::span<const KvCache> caches,
                   Workspace& workspace, const float* x, float* y);

}  // namespace ppplan::kernels::host
