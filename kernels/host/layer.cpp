#include "kernels/host/layer.h"

#include <algorithm>

namespace ppplan::kernels::host {

namespace {

std::size_t area(int rows, int width) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width); }

// What every step of a layer is about; spares each of them nine parameters.
struct Step {
  const Operations& operations;
  const LayerShape& shape;
  const LayerWeights& weights;
  const RopeTable& rope;
  const LayerBatch& batch;
  std::span<const KvCache> caches;
  Workspace& work;
};

// Norm and rotation act on each sequence's queries and keys where they lie in the fused projection.
void prepare_heads(const Step& step, int sequence) {
  const AttentionShape& a = step.shape.attention;
  const int stride = step.shape.qkv_width();
  const int tokens = step.batch.new_tokens;
  float* queries = step.work.qkv.data() + area(sequence * tokens, stride);
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

void attend_sequence(const Step& step, int sequence) {
  const int stride = step.shape.qkv_width();
  const int tokens = step.batch.new_tokens;
  const float* queries = step.work.qkv.data() + area(sequence * tokens, stride);
  const float* keys = queries + step.shape.attention_width();
  const float* values = keys + step.shape.kv_width();
  const KvCache& cache = step.caches[static_cast<std::size_t>(sequence)];
  const int past = step.batch.past_tokens;
  step.operations.store_kv(keys, values, stride, tokens, past, step.shape.attention, cache);
  step.operations.attention({queries, stride, tokens, past}, step.shape.attention, cache, step.work.scratch.data(),
                            step.work.attended.data() + area(sequence * tokens, step.shape.attention_width()));
}

// h = x + Attention(RmsNorm(x)), written to h.
void attention_block(const Step& step, const float* x, float* h) {
  const LayerShape& s = step.shape;
  const int rows = step.batch.rows();
  step.operations.rms_norm(x, step.weights.attention_norm, s.norm_epsilon, rows, s.hidden, s.hidden,
                           step.work.normed.data());
  step.operations.linear(step.work.normed.data(), step.weights.qkv, step.weights.qkv_bias, rows, s.hidden,
                         s.qkv_width(), step.work.qkv.data());
  for (int sequence = 0; sequence < step.batch.sequences; ++sequence) {
    prepare_heads(step, sequence);
    attend_sequence(step, sequence);
  }
  step.operations.linear(step.work.attended.data(), step.weights.attention_output, nullptr, rows, s.attention_width(),
                         s.hidden, step.work.projected.data());
  step.operations.add(x, step.work.projected.data(), area(rows, s.hidden), h);
}

// out = down(silu(gate(x)) * up(x))
void gated(const Step& step, const float* x, int rows, int width, const float* gate_up, const float* down, float* out) {
  step.operations.linear(x, gate_up, nullptr, rows, step.shape.hidden, 2 * width, step.work.gate_up.data());
  step.operations.swiglu(step.work.gate_up.data(), rows, width, step.work.activated.data());
  step.operations.linear(step.work.activated.data(), down, nullptr, rows, width, step.shape.hidden, out);
}

// Rows that chose `expert`, with their weights, into the workspace.
int rows_of_expert(const Step& step, int expert) {
  const int chosen = step.shape.experts_per_token;
  int count = 0;
  for (int i = 0; i < step.batch.rows() * chosen; ++i) {
    if (step.work.expert[static_cast<std::size_t>(i)] != expert) continue;
    step.work.expert_row[static_cast<std::size_t>(count)] = i / chosen;
    step.work.row_weight.data()[count] = step.work.expert_weight.data()[i];
    ++count;
  }
  return count;
}

// h += the weighted outputs of the experts that each row chose. Experts are taken in order, so sums repeat exactly.
void experts_block(const Step& step, float* h) {
  const LayerShape& s = step.shape;
  Workspace& work = step.work;
  const int rows = step.batch.rows();
  step.operations.linear(work.normed.data(), step.weights.router, nullptr, rows, s.hidden, s.experts,
                         work.router.data());
  step.operations.route(work.router.data(), rows, s.experts, s.experts_per_token, work.expert.data(),
                        work.expert_weight.data());
  for (int expert = 0; expert < s.experts; ++expert) {
    const int count = rows_of_expert(step, expert);
    if (count == 0) continue;
    step.operations.gather(work.normed.data(), work.expert_row.data(), count, s.hidden, work.gathered.data());
    gated(step, work.gathered.data(), count, s.intermediate,
          step.weights.gate_up + static_cast<std::size_t>(expert) * area(2 * s.intermediate, s.hidden),
          step.weights.down + static_cast<std::size_t>(expert) * area(s.hidden, s.intermediate), work.projected.data());
    step.operations.scatter_add(work.projected.data(), work.expert_row.data(), work.row_weight.data(), count, s.hidden,
                                h);
  }
}

void feed_forward_block(const Step& step, float* h) {
  const LayerShape& s = step.shape;
  Workspace& work = step.work;
  const int rows = step.batch.rows();
  step.operations.rms_norm(h, step.weights.feed_forward_norm, s.norm_epsilon, rows, s.hidden, s.hidden,
                           work.normed.data());
  if (s.experts > 0) {
    experts_block(step, h);
  } else {
    gated(step, work.normed.data(), rows, s.intermediate, step.weights.gate_up, step.weights.down,
          work.projected.data());
    step.operations.add(h, work.projected.data(), area(rows, s.hidden), h);
  }
  if (s.shared_intermediate == 0) return;
  gated(step, work.normed.data(), rows, s.shared_intermediate, step.weights.shared_gate_up, step.weights.shared_down,
        work.projected.data());
  step.operations.add(h, work.projected.data(), area(rows, s.hidden), h);
}

}  // namespace

Workspace::Workspace(std::span<const LayerShape> shapes, int rows, int kv_tokens) {
  int hidden = 0, qkv_width = 0, attended_width = 0, inner = 0, experts = 0, chosen = 0;
  std::size_t attention = 0;
  for (const LayerShape& s : shapes) {
    hidden = std::max(hidden, s.hidden);
    qkv_width = std::max(qkv_width, s.qkv_width());
    attended_width = std::max(attended_width, s.attention_width());
    inner = std::max({inner, s.intermediate, s.shared_intermediate});
    experts = std::max(experts, s.experts);
    chosen = std::max(chosen, s.experts_per_token);
    attention = std::max(attention, attention_scratch(s.attention, rows, kv_tokens));
  }
  normed = Buffer(area(rows, hidden));
  qkv = Buffer(area(rows, qkv_width));
  attended = Buffer(area(rows, attended_width));
  scratch = Buffer(attention);
  projected = Buffer(area(rows, hidden));
  gate_up = Buffer(area(rows, 2 * inner));
  activated = Buffer(area(rows, inner));
  router = Buffer(area(rows, experts));
  expert_weight = Buffer(area(rows, chosen));
  expert.resize(area(rows, chosen));
  if (experts == 0) return;
  gathered = Buffer(area(rows, hidden));
  row_weight = Buffer(static_cast<std::size_t>(rows));
  expert_row.resize(static_cast<std::size_t>(rows));
}

void decoder_layer(const Operations& operations, const LayerShape& shape, const LayerWeights& weights,
                   const RopeTable& rope, const LayerBatch& batch, std::span<const KvCache> caches,
                   Workspace& workspace, const float* x, float* y) {
  const Step step{operations, shape, weights, rope, batch, caches, workspace};
  attention_block(step, x, y);
  feed_forward_block(step, y);
}

}  // namespace ppplan::kernels::host
