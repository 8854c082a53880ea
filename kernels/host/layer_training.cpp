#include "kernels/host/layer_training.h"

#include <algorithm>

#include "kernels/host/trained_layer.h"

namespace ppplan::kernels::host {

namespace {

int choices(const LayerShape& shape) { return shape.experts > 0 ? shape.experts_per_token : 1; }

// Queries and keys before their norms lie side by side.
void keep_head_input(const TrainedLayer& layer) {
  const int width = rotated_width(layer.shape), stride = layer.shape.qkv_width();
  for (int row = 0; row < layer.batch.rows(); ++row) {
    std::copy_n(layer.kept.qkv.data() + area(row, stride), width, layer.kept.head_input.data() + area(row, width));
  }
}

void attention_block(const TrainedLayer& layer, const float* x) {
  const LayerShape& s = layer.shape;
  const Operations& ops = layer.operations;
  const int rows = layer.batch.rows();
  ops.rms_norm(x, layer.weights.attention_norm, s.norm_epsilon, rows, s.hidden, s.hidden,
               layer.kept.attention_normed.data());
  ops.linear(layer.kept.attention_normed.data(), layer.weights.qkv, layer.weights.qkv_bias, rows, s.hidden,
             s.qkv_width(), layer.kept.qkv.data());
  if (s.qk_norm) keep_head_input(layer);
  for (int sequence = 0; sequence < layer.batch.sequences; ++sequence) {
    const int first = sequence * layer.batch.new_tokens;
    float* qkv = layer.kept.qkv.data() + area(first, s.qkv_width());
    prepare_heads(step_of(layer), qkv);
    attend_sequence(step_of(layer), qkv, cache_of(layer), layer.work.scratch.data(),
                    layer.kept.attended.data() + area(first, s.attention_width()));
  }
  ops.linear(layer.kept.attended.data(), layer.weights.attention_output, nullptr, rows, s.attention_width(), s.hidden,
             layer.work.projected.data());
  ops.add(x, layer.work.projected.data(), area(rows, s.hidden), layer.kept.middle.data());
}

void experts_block(const TrainedLayer& layer, float* y) {
  const LayerShape& s = layer.shape;
  const Operations& ops = layer.operations;
  LayerActivations& kept = layer.kept;
  const int rows = layer.batch.rows();
  const float* normed = kept.feed_forward_normed.data();
  ops.linear(normed, layer.weights.router, nullptr, rows, s.hidden, s.experts, kept.router.data());
  ops.route(kept.router.data(), rows, s.experts, s.experts_per_token, kept.expert.data(), kept.expert_weight.data());
  for_each_expert(layer, [&](int expert, int count, const GatedArrays& arrays) {
    const int* row = layer.work.expert_row.data();
    ops.gather(normed, row, count, s.hidden, layer.work.gathered.data());
    gated(step_of(layer), layer.work.gathered.data(), count, expert_weights(s, layer.weights, expert), arrays,
          layer.work.projected.data());
    ops.scatter_add(layer.work.projected.data(), row, layer.work.row_weight.data(), count, s.hidden, y);
  });
}

void feed_forward_block(const TrainedLayer& layer, float* y) {
  const LayerShape& s = layer.shape;
  const Operations& ops = layer.operations;
  LayerActivations& kept = layer.kept;
  const int rows = layer.batch.rows();
  const float* normed = kept.feed_forward_normed.data();
  float* projected = layer.work.projected.data();
  ops.rms_norm(kept.middle.data(), layer.weights.feed_forward_norm, s.norm_epsilon, rows, s.hidden, s.hidden,
               kept.feed_forward_normed.data());
  std::copy_n(kept.middle.data(), area(rows, s.hidden), y);
  if (s.experts > 0) {
    experts_block(layer, y);
  } else {
    gated(step_of(layer), normed, rows, expert_weights(s, layer.weights, 0),
          {kept.gate_up.data(), kept.activated.data()}, projected);
    ops.add(y, projected, area(rows, s.hidden), y);
  }
  if (s.shared_intermediate == 0) return;
  gated(step_of(layer), normed, rows, shared_weights(s, layer.weights),
        {kept.shared_gate_up.data(), kept.shared_activated.data()}, projected);
  ops.add(y, projected, area(rows, s.hidden), y);
}

}  // namespace

void LayerActivations::acquire(const LayerShape& s, int rows, BufferPool& pool) {
  attention_normed = pool.acquire(area(rows, s.hidden));
  head_input = pool.acquire(s.qk_norm ? area(rows, rotated_width(s)) : 0);
  qkv = pool.acquire(area(rows, s.qkv_width()));
  attended = pool.acquire(area(rows, s.attention_width()));
  middle = pool.acquire(area(rows, s.hidden));
  feed_forward_normed = pool.acquire(area(rows, s.hidden));
  gate_up = pool.acquire(area(rows * choices(s), 2 * s.intermediate));
  activated = pool.acquire(area(rows * choices(s), s.intermediate));
  shared_gate_up = pool.acquire(area(rows, 2 * s.shared_intermediate));
  shared_activated = pool.acquire(area(rows, s.shared_intermediate));
  router = pool.acquire(area(rows, s.experts));
  expert_weight = pool.acquire(s.experts > 0 ? area(rows, s.experts_per_token) : 0);
  gains = pool.acquire(gain_floats(s));
  expert.resize(expert_weight.size());
}

void LayerActivations::release(BufferPool& pool) {
  for (Buffer* buffer : {&attention_normed, &head_input, &qkv, &attended, &middle, &feed_forward_normed, &gate_up,
                         &activated, &shared_gate_up, &shared_activated, &router, &expert_weight, &gains}) {
    pool.release(*buffer);
  }
}

TrainingWorkspace::TrainingWorkspace(std::span<const LayerShape> shapes, const LayerBatch& batch) {
  int hidden = 0, attended = 0, inner = 0, chosen = 0;
  std::size_t kv = 0, attention = 0;
  const int rows = batch.rows();
  for (const LayerShape& s : shapes) {
    hidden = std::max(hidden, s.hidden);
    attended = std::max(attended, s.attention_width());
    inner = std::max({inner, s.intermediate, s.shared_intermediate});
    chosen = std::max(chosen, s.experts_per_token);
    kv = std::max(kv, static_cast<std::size_t>(batch.new_tokens) * s.kv_width());
    attention = std::max({attention, attention_scratch(s.attention, batch.new_tokens, batch.new_tokens),
                          attention_backward_scratch(s.attention, batch.new_tokens)});
  }
  for (Buffer* cache : {&keys, &values, &key_gradient, &value_gradient}) *cache = Buffer(kv);
  scratch = Buffer(attention);
  for (Buffer* buffer : {&projected, &gathered, &normed_gradient}) *buffer = Buffer(area(rows, hidden));
  attended_gradient = Buffer(area(rows, attended));
  activated_gradient = Buffer(area(rows, inner));
  for (Buffer* buffer : {&row_weight, &row_weight_gradient}) *buffer = Buffer(static_cast<std::size_t>(rows));
  expert_weight_gradient = Buffer(area(rows, chosen));
  expert_row.resize(static_cast<std::size_t>(rows));
}

void layer_forward(const TrainedLayer& layer, const float* x, float* y) {
  attention_block(layer, x);
  feed_forward_block(layer, y);
}

}  // namespace ppplan::kernels::host
