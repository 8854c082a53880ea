#include <algorithm>

#include "kernels/host/layer_steps.h"

namespace ppplan::kernels::host {

namespace {

std::size_t area(int rows, int width) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width); }

/// Rows of queries, `stride` apart.
struct QueryRows {
  float* data;
  int stride;
};

// They lie in qkv, or are projected from the normed latent that lies there.
QueryRows project_queries(const LayerStep& step, Workspace& work) {
  const LayerShape& s = step.shape;
  const int rows = step.batch.rows(), rank = s.query_rank;
  if (rank == 0) return {work.qkv.data(), s.qkv_width()};
  float* const latents = work.query_latents.data();
  for (int row = 0; row < rows; ++row)
    std::copy_n(work.qkv.data() + area(row, s.qkv_width()), rank, latents + area(row, rank));
  step.operations.rms_norm(latents, step.weights.query_norm, s.norm_epsilon, rows, rank, rank, latents);
  step.operations.linear(latents, step.weights.query_up, nullptr, rows, rank, s.query_width(), work.queries.data());
  return {work.queries.data(), s.query_width()};
}

// The last values of every head, and the key that all heads share. Halves are rotated against each other as in the
// other layers, where DeepSeek's code rotates neighbours: the same up to the order of the weights' rows.
void rotate(const LayerStep& step, const QueryRows& queries, float* shared_key) {
  const LatentShape& a = *step.shape.latent;
  const float* cosines = step.rope.cosines(step.batch.past_tokens);
  const float* sines = step.rope.sines(step.batch.past_tokens);
  const int tokens = step.batch.new_tokens;
  for (int head = 0; head < a.heads; ++head)
    step.operations.rope(queries.data + area(head, a.nope + a.rope) + a.nope, cosines, sines, tokens, 1, a.rope,
                         queries.stride);
  step.operations.rope(shared_key, cosines, sines, tokens, 1, a.rope, step.shape.qkv_width());
}

}  // namespace

void attend_latents(const LayerStep& step, std::span<const KvCache> caches, Workspace& work) {
  const LayerShape& s = step.shape;
  const LatentShape& a = *s.latent;
  const int tokens = step.batch.new_tokens, past = step.batch.past_tokens;
  float* const latents = work.qkv.data() + s.query_part();
  const QueryRows queries = project_queries(step, work);
  step.operations.rms_norm(latents, step.weights.key_norm, s.norm_epsilon, step.batch.rows(), a.latent, s.qkv_width(),
                           latents);
  for (int sequence = 0; sequence < step.batch.sequences; ++sequence) {
    const int first = sequence * tokens;
    const LatentCache cache{caches[static_cast<std::size_t>(sequence)].keys,
                            caches[static_cast<std::size_t>(sequence)].capacity};
    const QueryRows own{queries.data + area(first, queries.stride), queries.stride};
    const float* from = latents + area(first, s.qkv_width());
    rotate(step, own, latents + area(first, s.qkv_width()) + a.latent);
    for (int token = 0; token < tokens; ++token)
      std::copy_n(from + area(token, s.qkv_width()), a.cached(), cache.tokens + area(past + token, a.cached()));
    step.operations.latent_attention({own.data, own.stride, tokens, past}, a, cache, step.weights.key_up,
                                     step.weights.value_up, work.scratch.data(),
                                     work.attended.data() + area(first, s.attention_width()));
  }
}

}  // namespace ppplan::kernels::host
