#include "kernels/cuda/layer.h"

#include <algorithm>

namespace ppplan::kernels::cuda {
namespace {

constexpr int kMostDecodeHeads = 16;  // on a KV head
constexpr int kKeyTile = 64;

std::size_t area(int rows, int width) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width); }

bool takes_decode(const AttentionShape& shape, int new_tokens) {
  return new_tokens == 1 && shape.heads <= kMostDecodeHeads * shape.kv_heads;
}

struct Step {
  Linear& linear;
  const LayerShape& shape;
  const LayerWeights& weights;
  const LayerInputs& inputs;
  Workspace& work;
  cudaStream_t stream;
  const LayerPart& part;
  int rows() const { return inputs.batch.rows(); }
  /// What a block adds to: the residual stream, which the first rank of a part alone brings into the sum.
  const Bf16* residual(const Bf16* x) const { return part.rank == 0 ? x : nullptr; }
  void sum(Bf16* y) const {
    if (part.sum) part.sum(y, static_cast<std::size_t>(rows()) * static_cast<std::size_t>(shape.hidden), stream);
  }
};

void normalize_heads(const Step& step) {
  const LayerShape& s = step.shape;
  const auto normalize = [&](Bf16* first, int heads, const Bf16* gain) {
    rms_norm(first, gain, s.norm_epsilon, {step.rows(), heads, s.attention.head_dim, s.qkv_width()}, first,
             step.stream);
  };
  normalize(step.work.qkv.data(), s.attention.heads, step.weights.query_norm);
  normalize(step.work.qkv.data() + s.attention_width(), s.attention.kv_heads, step.weights.key_norm);
}

void attend(const Step& step) {
  const LayerInputs& in = step.inputs;
  const AttentionShape& a = step.shape.attention;
  const Bf16* queries = step.work.qkv.data();
  const int stride = step.shape.qkv_width();
  if (!takes_decode(a, in.batch.new_tokens))
    return prefill_attention(queries, stride, in.query_start, in.batch.new_tokens, a, in.cache, in.paged,
                             step.work.attended.data(), step.stream);
  const int kv_tokens = in.batch.past_tokens + 1;
  const int splits = decode_splits(a, in.batch.sequences, kv_tokens, step.work.processors);
  decode_attention(queries, stride, a, in.cache, in.paged, splits, step.work.scratch.data(), step.work.attended.data(),
                   step.stream);
}

/// Rows of queries, `stride` apart.
struct QueryRows {
  const Bf16* data;
  int stride;
};

// They lie in qkv, or are projected from the latent that lies there, which is normed in its place.
QueryRows project_queries(const Step& step) {
  const LayerShape& s = step.shape;
  Workspace& w = step.work;
  if (s.query_rank == 0) return {w.qkv.data(), s.qkv_width()};
  rms_norm(w.qkv.data(), step.weights.query_norm, s.norm_epsilon, {step.rows(), 1, s.query_rank, s.qkv_width()},
           w.qkv.data(), step.stream);
  LinearShape product{step.rows(), s.query_rank, s.query_width(), false, false, OutputType::bf16};
  product.x.stride = s.qkv_width();
  step.linear.run(product, {w.qkv.data(), step.weights.query_up, nullptr, nullptr, w.queries.data()}, step.stream);
  return {w.queries.data(), s.query_width()};
}

// What every head's queries are to the latents: the projection of keys is absorbed in them.
void absorb_keys(const Step& step, const QueryRows& queries) {
  const LatentShape& a = *step.shape.latent;
  LinearShape product{step.rows(), a.nope, a.latent, false, false, OutputType::bf16, a.heads};
  product.x = {queries.stride, a.nope + a.rope};
  product.out = {a.heads * a.cached(), a.cached()};
  step.linear.run(product, {queries.data, step.weights.key_up, nullptr, nullptr, step.work.absorbed.data()},
                  step.stream);
}

void project_values(const Step& step) {
  const LatentShape& a = *step.shape.latent;
  step.linear.run(
      {step.rows(), a.latent, a.value, false, false, OutputType::bf16, a.heads},
      {step.work.attended_latents.data(), step.weights.value_up, nullptr, nullptr, step.work.attended.data()},
      step.stream);
}

void attend_latents(const Step& step) {
  const LayerShape& s = step.shape;
  const LayerInputs& in = step.inputs;
  Workspace& w = step.work;
  Bf16* const latents = w.qkv.data() + s.query_part();
  const PagedLatents cache{in.cache.keys, in.cache.page_tokens};
  rms_norm(latents, step.weights.key_norm, s.norm_epsilon, {step.rows(), 1, s.latent->latent, s.qkv_width()}, latents,
           step.stream);
  const QueryRows queries = project_queries(step);
  absorb_keys(step, queries);
  rope_store_latent({queries.data, queries.stride, latents, s.qkv_width()}, in.position, in.slot, in.rope.cosines,
                    in.rope.sines, step.rows(), *s.latent, cache, w.absorbed.data(), step.stream);
  latent_attention(w.absorbed.data(), in.query_start, in.batch.new_tokens, *s.latent, cache, in.paged,
                   w.attended_latents.data(), step.stream);
  project_values(step);
}

void attend_heads(const Step& step) {
  const LayerShape& s = step.shape;
  const LayerInputs& in = step.inputs;
  if (s.qk_norm) normalize_heads(step);
  rope_store_kv(step.work.qkv.data(), in.position, in.slot, in.rope.cosines, in.rope.sines, step.rows(), s.attention,
                in.cache, step.stream);
  attend(step);
}

// y = x + Attention(RmsNorm(x)).
void attention_block(const Step& step, const Bf16* x, Bf16* y) {
  const LayerShape& s = step.shape;
  Workspace& w = step.work;
  const int rows = step.rows();
  rms_norm(x, step.weights.attention_norm, s.norm_epsilon, {rows, 1, s.hidden, s.hidden}, w.normed.data(), step.stream);
  step.linear.run({rows, s.hidden, s.qkv_width(), s.qkv_bias, false, OutputType::bf16},
                  {w.normed.data(), step.weights.qkv, step.weights.qkv_bias, nullptr, w.qkv.data()}, step.stream);
  if (s.latent)
    attend_latents(step);
  else
    attend_heads(step);
  const Bf16* base = step.residual(x);
  step.linear.run({rows, s.attention_width(), s.hidden, false, base != nullptr, OutputType::bf16},
                  {w.attended.data(), step.weights.attention_output, nullptr, base, y}, step.stream);
  step.sum(y);
}

// y = base + down(silu(gate(normed)) * up(normed)); base may be y, or nullptr for zeros.
void gated(const Step& step, int width, const Bf16* gate_up, const Bf16* down, const Bf16* base, Bf16* y) {
  Workspace& w = step.work;
  const int rows = step.rows(), hidden = step.shape.hidden;
  step.linear.run({rows, hidden, 2 * width, false, false, OutputType::bf16},
                  {w.normed.data(), gate_up, nullptr, nullptr, w.gate_up.data()}, step.stream);
  swiglu(w.gate_up.data(), rows, width, w.activated.data(), step.stream);
  step.linear.run({rows, width, hidden, false, base != nullptr, OutputType::bf16},
                  {w.activated.data(), down, nullptr, base, y}, step.stream);
}

// y = base + the weighted outputs of the experts that each row chose. Which rows go to which expert stays on the
// device.
void experts_block(const Step& step, const Bf16* base, Bf16* y) {
  const LayerShape& s = step.shape;
  Workspace& w = step.work;
  const int rows = step.rows(), chosen = s.experts_per_token, assignments = rows * chosen;
  step.linear.run({rows, s.hidden, s.experts, false, false, OutputType::fp32},
                  {w.normed.data(), step.weights.router, nullptr, nullptr, w.router.data()}, step.stream);
  route(w.router.data(), rows, s.experts, chosen, w.expert.data(), w.expert_weight.data(), step.stream);
  sort_by_expert(w.expert.data(), rows, s.experts, chosen, w.count.data(), w.first_row.data(), w.sorted_row.data(),
                 w.place.data(), step.stream);
  grouped_linear(w.normed.data(), w.sorted_row.data(), step.weights.gate_up, w.first_row.data(), s.experts, assignments,
                 s.hidden, 2 * s.intermediate, w.gate_up.data(), step.stream);
  swiglu(w.gate_up.data(), assignments, s.intermediate, w.activated.data(), step.stream);
  grouped_linear(w.activated.data(), nullptr, step.weights.down, w.first_row.data(), s.experts, assignments,
                 s.intermediate, s.hidden, w.expert_out.data(), step.stream);
  combine_experts(w.expert_out.data(), w.place.data(), w.expert_weight.data(), base, rows, chosen, s.hidden, y,
                  step.stream);
}

// y += FeedForward(RmsNorm(y)), of a part without the y of other ranks.
void feed_forward_block(const Step& step, Bf16* y) {
  const LayerShape& s = step.shape;
  rms_norm(y, step.weights.feed_forward_norm, s.norm_epsilon, {step.rows(), 1, s.hidden, s.hidden},
           step.work.normed.data(), step.stream);
  const Bf16* base = step.residual(y);
  if (s.experts > 0)
    experts_block(step, base, y);
  else
    gated(step, s.intermediate, step.weights.gate_up, step.weights.down, base, y);
  if (s.shared_intermediate > 0)
    gated(step, s.shared_intermediate, step.weights.shared_gate_up, step.weights.shared_down, y, y);
  step.sum(y);
}

}  // namespace

int decode_splits(const AttentionShape& shape, int sequences, int kv_tokens, int processors) {
  const int blocks = std::max(1, shape.kv_heads * sequences);
  const int wanted = (2 * processors + blocks - 1) / blocks;
  return std::clamp(wanted, 1, std::max(1, (kv_tokens + kKeyTile - 1) / kKeyTile));
}

Workspace::Workspace(std::span<const LayerShape> shapes, int rows, int sequences, int kv_tokens) {
  int device = 0;
  PPPLAN_CHECK(cudaGetDevice(&device));
  PPPLAN_CHECK(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device));
  int hidden = 0, qkv_width = 0, query_width = 0, absorbed_width = 0, latent_width = 0, attended_width = 0;
  int inner = 0, experts = 0, chosen = 0;
  std::size_t decode = 0;
  for (const LayerShape& s : shapes) {
    hidden = std::max(hidden, s.hidden);
    qkv_width = std::max(qkv_width, s.qkv_width());
    attended_width = std::max(attended_width, s.attention_width());
    inner = std::max({inner, s.intermediate * std::max(s.experts_per_token, 1), s.shared_intermediate});
    experts = std::max(experts, s.experts);
    chosen = std::max(chosen, s.experts_per_token);
    if (s.query_rank > 0) query_width = std::max(query_width, s.query_width());
    if (s.latent) {
      absorbed_width = std::max(absorbed_width, s.latent->heads * s.latent->cached());
      latent_width = std::max(latent_width, s.latent->heads * s.latent->latent);
      continue;
    }
    // Fewer sequences may take more splits, of which there are then fewer sets.
    for (int count = 1; count <= sequences; ++count)
      decode = std::max(decode,
                        decode_scratch(s.attention, count, decode_splits(s.attention, count, kv_tokens, processors)));
  }
  normed = DeviceArray<Bf16>(area(rows, hidden));
  qkv = DeviceArray<Bf16>(area(rows, qkv_width));
  queries = DeviceArray<Bf16>(area(rows, query_width));
  absorbed = DeviceArray<Bf16>(area(rows, absorbed_width));
  attended_latents = DeviceArray<Bf16>(area(rows, latent_width));
  attended = DeviceArray<Bf16>(area(rows, attended_width));
  scratch = DeviceArray<float>(decode);
  gate_up = DeviceArray<Bf16>(area(rows, 2 * inner));
  activated = DeviceArray<Bf16>(area(rows, inner));
  if (experts == 0) return;
  router = DeviceArray<float>(area(rows, experts));
  expert_weight = DeviceArray<float>(area(rows, chosen));
  for (DeviceArray<int>* array : {&expert, &place, &sorted_row}) *array = DeviceArray<int>(area(rows, chosen));
  count = DeviceArray<int>(static_cast<std::size_t>(experts));
  first_row = DeviceArray<int>(static_cast<std::size_t>(experts) + 1);
  expert_out = DeviceArray<Bf16>(area(rows * chosen, hidden));
}

void decoder_layer(Linear& linear, const LayerShape& shape, const LayerWeights& weights, const LayerInputs& inputs,
                   Workspace& workspace, const Bf16* x, Bf16* y, cudaStream_t stream, const LayerPart& part) {
  const Step step{linear, shape, weights, inputs, workspace, stream, part};
  attention_block(step, x, y);
  feed_forward_block(step, y);
}

}  // namespace ppplan::kernels::cuda
