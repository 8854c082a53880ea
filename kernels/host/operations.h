// The operations of a transformer layer on one CPU core, fp32: the reference for every other backend.
//
// Plain functions over arrays that the caller owns. Matrices are row-major; a shape [rows, width] is contiguous unless
// a stride is named, which counts floats between the starts of two rows. Single-threaded and deterministic: equal
// inputs in arrays of equal alignment (buffer.h) give equal bits. Each function exists once per instruction set;
// operations() picks the best set that this CPU has, once per process.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace ppplan::kernels::host {

/// Grouped-query attention: query head j reads KV head j / (heads / kv_heads). `window` > 0 lets a token see itself and
/// the window - 1 tokens before it; 0 lets it see everything before it.
struct AttentionShape {
  int heads = 1;
  int kv_heads = 1;
  int head_dim = 1;
  int window = 0;
};

/// The cache of one sequence in one layer: keys and values [kv_heads, capacity, head_dim] each.
struct KvCache {
  float* keys = nullptr;
  float* values = nullptr;
  int capacity = 0;  // tokens
};

/// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434): all heads read one latent of a token, from which each
/// projects its key and value, and one key that is rotated by position. A query head has `nope` values that meet the
/// projected key and `rope` rotated ones that meet the shared one; scores are divided by the root of both together.
struct LatentShape {
  int heads = 1;
  int latent = 1;
  int nope = 1;
  int rope = 2;
  int value = 1;                                // of a head's output
  int cached() const { return latent + rope; }  // of a token
};

/// The cache of one sequence in one layer: [capacity, latent + rope], the latent normed and the shared key rotated.
struct LatentCache {
  float* tokens = nullptr;
  int capacity = 0;  // tokens
};

/// Queries of one sequence: [tokens, heads * head_dim] with `query_stride`, the positions past .. past + tokens - 1.
struct Queries {
  const float* data = nullptr;
  int stride = 0;
  int tokens = 0;
  int past = 0;
};

struct Operations {
  std::string_view instructions;  // "baseline", "avx2"

  /// out[r] = table[tokens[r]]: [rows, hidden] from [vocabulary, hidden].
  void (*embed)(const int* tokens, const float* table, int rows, int hidden, float* out);
  /// out = x / sqrt(mean(x^2) + epsilon) * gain for each of `rows` rows of `width`, `stride` apart in x and in out,
  /// which may be the same array.
  void (*rms_norm)(const float* x, const float* gain, float epsilon, int rows, int width, int stride, float* out);
  /// out [rows, outputs] = x [rows, inputs] * weight^T + bias, weight [outputs, inputs], bias [outputs] or nullptr.
  void (*linear)(const float* x, const float* weight, const float* bias, int rows, int inputs, int outputs, float* out);
  /// Rotates the halves of each head by the angles of its position: x [tokens, heads * head_dim] with `stride`, in
  /// place; cosines and sines [tokens, head_dim / 2].
  void (*rope)(float* x, const float* cosines, const float* sines, int tokens, int heads, int head_dim, int stride);
  /// Writes keys and values [tokens, kv_heads * head_dim] with `stride` into the cache from position `past` on.
  void (*store_kv)(const float* keys, const float* values, int stride, int tokens, int past,
                   const AttentionShape& shape, const KvCache& cache);
  /// out [tokens, heads * head_dim] = causal attention over the cache, which already holds the tokens of the queries.
  /// `scratch` has attention_scratch() floats on a 64-byte boundary.
  void (*attention)(const Queries& queries, const AttentionShape& shape, const KvCache& cache, float* scratch,
                    float* out);
  /// out [tokens, heads * value] = causal latent attention over the cache, which already holds the tokens of the
  /// queries [tokens, heads * (nope + rope)]; key_up [heads * nope, latent], value_up [heads * value, latent].
  /// `scratch` has latent_scratch() floats on a 64-byte boundary.
  void (*latent_attention)(const Queries& queries, const LatentShape& shape, const LatentCache& cache,
                           const float* key_up, const float* value_up, float* scratch, float* out);
  /// out [rows, width] = silu(gate) * up, gate_up [rows, 2 * width] with the gate first.
  void (*swiglu)(const float* gate_up, int rows, int width, float* out);
  /// out = a + b, `count` floats; out may be a.
  void (*add)(const float* a, const float* b, std::size_t count, float* out);
  /// The `chosen` largest of each row of logits [tokens, experts], the lower index first among equals, in descending
  /// order, and the softmax over these alone: expert and weight [tokens, chosen].
  void (*route)(const float* logits, int tokens, int experts, int chosen, int* expert, float* weight);
  /// out[r] = x[row[r]]: [rows, hidden].
  void (*gather)(const float* x, const int* row, int rows, int hidden, float* out);
  /// out[row[r]] += weight[r] * x[r], in the order of r.
  void (*scatter_add)(const float* x, const int* row, const float* weight, int rows, int hidden, float* out);
};

/// The best set that this CPU has.
const Operations& operations();
/// Every set that this CPU can run, "baseline" first.
std::vector<const Operations*> available_operations();

/// Floats that attention() needs for `tokens` queries that look back on `kv_tokens` tokens, themselves included.
std::size_t attention_scratch(const AttentionShape& shape, int tokens, int kv_tokens);
std::size_t latent_scratch(const LatentShape& shape, int tokens, int kv_tokens);
/// Queries are taken in blocks of this many tokens, so that scores stay in cache and half of the mask is never
/// computed.
inline constexpr int kQueryBlock = 64;

}  // namespace ppplan::kernels::host
