#include "kernels/host/layer_steps.h"

namespace ppplan::kernels::host {

namespace {

std::size_t area(int rows, int width) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width); }

}  // namespace

void prepare_heads(const LayerStep& step, float* qkv) {
  const AttentionShape& a = step.shape.attention;
  const int stride = step.shape.qkv_width();
  const int tokens = step.batch.new_tokens;
  float* queries = qkv;
  float* keys = queries + step.shape.attention_width();
  if (step.shape.qk_norm) {
    const float epsilon = step.shape.norm_epsilon;
    for (int token = 0; token < tokens; ++token) {
      float* query = queries + area(token, stride);
      float* key = keys + area(token, stride);
      step.operations.rms_norm(query, step.weights.query_norm, epsilon, a.heads, a.head_dim, a.head_dim, query);
      step.operations.rms_norm(key, step.weights.key_norm, epsilon, a.kv_heads, a.head_dim, a.head_dim, key);
    }
  }
  const float* cosines = step.rope.cosines(step.batch.past_tokens);
  const float* sines = step.rope.sines(step.batch.past_tokens);
  step.operations.rope(queries, cosines, sines, tokens, a.heads, a.head_dim, stride);
  step.operations.rope(keys, cosines, sines, tokens, a.kv_heads, a.head_dim, stride);
}

void attend_sequence(const LayerStep& step, const float* qkv, const KvCache& cache, float* scratch, float* out) {
  const int stride = step.shape.qkv_width();
  const int tokens = step.batch.new_tokens;
  const float* keys = qkv + step.shape.attention_width();
  const float* values = keys + step.shape.kv_width();
  const int past = step.batch.past_tokens;
  step.operations.store_kv(keys, values, stride, tokens, past, step.shape.attention, cache);
  step.operations.attention({qkv, stride, tokens, past}, step.shape.attention, cache, scratch, out);
}

void gated(const LayerStep& step, const float* x, int rows, const GatedWeights<const float>& weights,
           const GatedArrays& arrays, float* out) {
  step.operations.linear(x, weights.gate_up, nullptr, rows, step.shape.hidden, 2 * weights.width, arrays.gate_up);
  step.operations.swiglu(arrays.gate_up, rows, weights.width, arrays.activated);
  step.operations.linear(arrays.activated, weights.down, nullptr, rows, weights.width, step.shape.hidden, out);
}

int rows_of_expert(std::span<const int> chosen, const float* weight, int per_token, int expert, int* row,
                   float* row_weight) {
  int count = 0;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i] != expert) continue;
    row[count] = static_cast<int>(i) / per_token;
    row_weight[count] = weight[i];
    ++count;
  }
  return count;
}

}  // namespace ppplan::kernels::host
