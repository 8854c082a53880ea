#include "kernels/host/layer.h"

#include <algorithm>

#include "kernels/host/layer_steps.h"

namespace ppplan::kernels::host {

namespace {

std::size_t area(int rows, int width) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width); }

void attend_heads(const LayerStep& step, std::span<const KvCache> caches, Workspace& work) {
  const LayerShape& s = step.shape;
  for (int sequence = 0; sequence < step.batch.sequences; ++sequence) {
    const int first = sequence * step.batch.new_tokens;
    float* qkv = work.qkv.data() + area(first, s.qkv_width());
    prepare_heads(step, qkv);
    attend_sequence(step, qkv, caches[static_cast<std::size_t>(sequence)], work.scratch.data(),
                    work.attended.data() + area(first, s.attention_width()));
  }
}

// h = x + Attention(RmsNorm(x)), written to h.
void attention_block(const LayerStep& step, std::span<const KvCache> caches, Workspace& work, const float* x,
                     float* h) {
  const LayerShape& s = step.shape;
  const int rows = step.batch.rows();
  step.operations.rms_norm(x, step.weights.attention_norm, s.norm_epsilon, rows, s.hidden, s.hidden,
                           work.normed.data());
  step.operations.linear(work.normed.data(), step.weights.qkv, step.weights.qkv_bias, rows, s.hidden, s.qkv_width(),
                         work.qkv.data());
  if (s.latent)
    attend_latents(step, caches, work);
  else
    attend_heads(step, caches, work);
  step.operations.linear(work.attended.data(), step.weights.attention_output, nullptr, rows, s.attention_width(),
                         s.hidden, work.projected.data());
  step.operations.add(x, work.projected.data(), area(rows, s.hidden), h);
}

GatedArrays arrays(Workspace& work) { return {work.gate_up.data(), work.activated.data()}; }

// h += the weighted outputs of the experts that each row chose. Experts are taken in order, so sums repeat exactly.
void experts_block(const LayerStep& step, Workspace& work, float* h) {
  const LayerShape& s = step.shape;
  const int rows = step.batch.rows();
  step.operations.linear(work.normed.data(), step.weights.router, nullptr, rows, s.hidden, s.experts,
                         work.router.data());
  step.operations.route(work.router.data(), rows, s.experts, s.experts_per_token, work.expert.data(),
                        work.expert_weight.data());
  const auto chosen = std::span(work.expert).first(area(rows, s.experts_per_token));
  for (int expert = 0; expert < s.experts; ++expert) {
    const int count = rows_of_expert(chosen, work.expert_weight.data(), s.experts_per_token, expert,
                                     work.expert_row.data(), work.row_weight.data());
    if (count == 0) continue;
    step.operations.gather(work.normed.data(), work.expert_row.data(), count, s.hidden, work.gathered.data());
    gated(step, work.gathered.data(), count, expert_weights(s, step.weights, expert), arrays(work),
          work.projected.data());
    step.operations.scatter_add(work.projected.data(), work.expert_row.data(), work.row_weight.data(), count, s.hidden,
                                h);
  }
}

void feed_forward_block(const LayerStep& step, Workspace& work, float* h) {
  const LayerShape& s = step.shape;
  const int rows = step.batch.rows();
  step.operations.rms_norm(h, step.weights.feed_forward_norm, s.norm_epsilon, rows, s.hidden, s.hidden,
                           work.normed.data());
  if (s.experts > 0) {
    experts_block(step, work, h);
  } else {
    gated(step, work.normed.data(), rows, expert_weights(s, step.weights, 0), arrays(work), work.projected.data());
    step.operations.add(h, work.projected.data(), area(rows, s.hidden), h);
  }
  if (s.shared_intermediate == 0) return;
  gated(step, work.normed.data(), rows, shared_weights(s, step.weights), arrays(work), work.projected.data());
  step.operations.add(h, work.projected.data(), area(rows, s.hidden), h);
}

}  // namespace

Workspace::Workspace(std::span<const LayerShape> shapes, int rows, int kv_tokens) {
  int hidden = 0, qkv_width = 0, query_rank = 0, query_width = 0, attended_width = 0;
  int inner = 0, experts = 0, chosen = 0;
  std::size_t attention = 0;
  for (const LayerShape& s : shapes) {
    hidden = std::max(hidden, s.hidden);
    qkv_width = std::max(qkv_width, s.qkv_width());
    query_rank = std::max(query_rank, s.query_rank);
    if (s.query_rank > 0) query_width = std::max(query_width, s.query_width());
    attended_width = std::max(attended_width, s.attention_width());
    inner = std::max({inner, s.intermediate, s.shared_intermediate});
    experts = std::max(experts, s.experts);
    chosen = std::max(chosen, s.experts_per_token);
    attention = std::max(attention, s.latent ? latent_scratch(*s.latent, rows, kv_tokens)
                                             : attention_scratch(s.attention, rows, kv_tokens));
  }
  normed = Buffer(area(rows, hidden));
  qkv = Buffer(area(rows, qkv_width));
  query_latents = Buffer(area(rows, query_rank));
  queries = Buffer(area(rows, query_width));
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
  const LayerStep step{operations, shape, weights, rope, batch};
  attention_block(step, caches, workspace, x, y);
  feed_forward_block(step, workspace, y);
}

}  // namespace ppplan::kernels::host
