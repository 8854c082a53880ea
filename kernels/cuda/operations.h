// The operations of a transformer layer on a GPU: bf16 in memory, sums in fp32. Each has its reference of the same name
// in kernels/host, except where a comment names another one.
//
// Functions enqueue on `stream` and return; arrays are device memory that the caller owns. Matrices are row-major and
// contiguous, [rows, width], unless a stride is named, in elements. Zero rows are allowed and do nothing. All throw
// std::invalid_argument for a shape that they don't support and std::runtime_error when a launch is refused.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstddef>

#include "kernels/host/operations.h"

namespace ppplan::kernels::cuda {

using Bf16 = __nv_bfloat16;
using host::AttentionShape;
using host::LatentShape;

/// out[r] = table[tokens[r]]: [rows, hidden] from [vocabulary, hidden].
void embed(const int* tokens, const Bf16* table, int rows, int hidden, Bf16* out, cudaStream_t stream);
/// The same of a table that holds the rows [first, first + count) of the whole: zeros for tokens of other rows.
void embed_part(const int* tokens, const Bf16* table, int first, int count, int rows, int hidden, Bf16* out,
                cudaStream_t stream);
/// out[r, c] = x[c / part, r, c % part]: [rows, width] of columns that lie in parts [parts, rows, part]. Without a
/// reference; parts * part may exceed the width.
void join_columns(const Bf16* x, int part, int rows, int width, Bf16* out, cudaStream_t stream);
/// out[r] = x[row[r]]: [rows, hidden].
void gather(const Bf16* x, const int* row, int rows, int hidden, Bf16* out, cudaStream_t stream);

/// Row r has `heads` parts of `width` that are normalised apart and lie side by side; rows are `stride` apart.
struct NormRows {
  int rows = 0;
  int heads = 1;
  int width = 0;
  int stride = 0;
};
/// out = x / sqrt(mean(x^2) + epsilon) * gain, gain [width]; out is laid out as x and may be x.
void rms_norm(const Bf16* x, const Bf16* gain, float epsilon, const NormRows& rows, Bf16* out, cudaStream_t stream);
/// residual = bf16(residual + x), then out = rms_norm(residual): add() and rms_norm() in one pass. [rows, width] each;
/// out may be x.
void add_rms_norm(const Bf16* x, const Bf16* gain, float epsilon, int rows, int width, Bf16* residual, Bf16* out,
                  cudaStream_t stream);

/// The KV cache of one layer in pages of `page_tokens`: keys and values [pages, kv_heads, page_tokens, head_dim] each,
/// on 16-byte boundaries.
struct PagedKv {
  Bf16* keys = nullptr;
  Bf16* values = nullptr;
  int page_tokens = 16;
};
/// Rotates queries and keys of qkv [tokens, (heads + 2 kv_heads) * head_dim] by the angles of `position` [tokens],
/// queries in place, and writes rotated keys and the values into the cache at `slot` [tokens] = page * page_tokens +
/// place in the page; a token with a negative slot is not written. cosines and sines [positions, head_dim / 2], fp32.
/// rope() and store_kv() in one pass.
void rope_store_kv(Bf16* qkv, const int* position, const int* slot, const float* cosines, const float* sines,
                   int tokens, const AttentionShape& shape, const PagedKv& cache, cudaStream_t stream);

/// Sequences whose tokens lie in pages: token p of sequence s in page page_table[s, p / page_tokens]. Arrays are device
/// memory.
struct PagedBatch {
  int sequences = 0;
  const int* kv_tokens = nullptr;   // [sequences]: tokens in the cache, the new ones included
  const int* page_table = nullptr;  // [sequences, table_stride]
  int table_stride = 0;
};
/// out [rows, heads * head_dim] = causal attention of each sequence's newest tokens over its cache: attention() of
/// kernels/host. queries [rows, ...] with `query_stride`; sequence s has rows [query_start[s], query_start[s + 1]),
/// query_start [sequences + 1] in device memory, at most `longest` of them. head_dim 64 or 128; query_stride a multiple
/// of 8.
void prefill_attention(const Bf16* queries, int query_stride, const int* query_start, int longest,
                       const AttentionShape& shape, const PagedKv& cache, const PagedBatch& batch, Bf16* out,
                       cudaStream_t stream);
/// The same for one new token a sequence: queries [sequences, ...], out [sequences, heads * head_dim]. Each sequence's
/// keys are cut into `splits` parts that run side by side, whose results are then combined. `scratch` has
/// decode_scratch() floats. head_dim 64 or 128, at most 16 heads on a KV head.
void decode_attention(const Bf16* queries, int query_stride, const AttentionShape& shape, const PagedKv& cache,
                      const PagedBatch& batch, int splits, float* scratch, Bf16* out, cudaStream_t stream);
std::size_t decode_scratch(const AttentionShape& shape, int sequences, int splits);

/// The latents of one layer in pages: [pages, page_tokens, latent + rope], on a 16-byte boundary.
struct PagedLatents {
  Bf16* tokens = nullptr;
  int page_tokens = 16;
};
/// Rows of queries [tokens, heads, nope + rope] and of latents [tokens, latent + rope], each with a stride.
struct LatentRows {
  const Bf16* queries = nullptr;
  int query_stride = 0;
  const Bf16* latents = nullptr;
  int latent_stride = 0;
};
/// Rotates the last `rope` values of every query's head to the end of its head in absorbed [tokens, heads, latent +
/// rope], whose other values stay as they are, and those of latents, which it writes into the cache as rope_store_kv()
/// does: rope() in kernels/host.
void rope_store_latent(const LatentRows& rows, const int* position, const int* slot, const float* cosines,
                       const float* sines, int tokens, const LatentShape& shape, const PagedLatents& cache,
                       Bf16* absorbed, cudaStream_t stream);
/// out [rows, heads, latent] = causal attention of absorbed queries [rows, heads, latent + rope] over the cached
/// latents, which are keys and, without their rotated part, values. A query is absorbed when its first `nope` values
/// have met the transposed key_up of its head; the head's value_up has yet to meet out: the two projections make it
/// latent_attention() of kernels/host. Rows and `longest` as of prefill_attention(). (latent, rope) = (512, 64) or
/// (256, 32).
void latent_attention(const Bf16* queries, const int* query_start, int longest, const LatentShape& shape,
                      const PagedLatents& cache, const PagedBatch& batch, Bf16* out, cudaStream_t stream);

/// out [rows, width] = silu(gate) * up, gate_up [rows, 2 * width] with the gate first.
void swiglu(const Bf16* gate_up, int rows, int width, Bf16* out, cudaStream_t stream);

/// The `chosen` largest of each row of fp32 logits [tokens, experts], the lower index first among equals, in descending
/// order, and the softmax over these alone: expert and weight [tokens, chosen]; chosen at most 32.
void route(const float* logits, int tokens, int experts, int chosen, int* expert, float* weight, cudaStream_t stream);
/// Sorts the tokens * chosen assignments by expert, each expert's in the order of tokens: expert e has the sorted rows
/// [first_row[e], first_row[e + 1]), first_row [experts + 1]; sorted row r is token row[r]; assignment a = token *
/// chosen + rank lies in sorted row place[a]. `count` [experts] is scratch. rows_of_expert() of every expert.
void sort_by_expert(const int* expert, int tokens, int experts, int chosen, int* count, int* first_row, int* row,
                    int* place, cudaStream_t stream);
/// The experts' products in one launch: out[r] = x[row[r]] * weight[e]^T for the sorted rows r of every expert e, as
/// sort_by_expert() gives them; row nullptr: out[r] = x[r] * weight[e]^T. `rows` sorted rows in all, weight [experts,
/// outputs, inputs], out [rows, outputs]; inputs a multiple of 8, x and weight on 16-byte boundaries. linear() of
/// every expert on gathered rows.
void grouped_linear(const Bf16* x, const int* row, const Bf16* weight, const int* first_row, int experts, int rows,
                    int inputs, int outputs, Bf16* out, cudaStream_t stream);
/// out[t] = base[t] + sum over rank of weight[t, rank] * x[place[t * chosen + rank]], x [tokens * chosen, hidden] in
/// sorted rows, base [tokens, hidden] or nullptr for zeros; out may be base. scatter_add() of every expert.
void combine_experts(const Bf16* x, const int* place, const float* weight, const Bf16* base, int tokens, int chosen,
                     int hidden, Bf16* out, cudaStream_t stream);

/// token[r] = the index of the largest of logits[r], the lower one among equals: [rows, vocabulary].
void argmax(const Bf16* logits, int rows, int vocabulary, int* token, cudaStream_t stream);

}  // namespace ppplan::kernels::cuda
