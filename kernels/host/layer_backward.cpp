#include <algorithm>

#include "kernels/host/trained_layer.h"

namespace ppplan::kernels::host {

namespace {

// From the gradient of a gated block's output, which may be scaled, to that of its input; the block's arrays become
// their gradients. `activated_gradient` already holds the gradient of what the down projection took.
void gated_input(const TrainedLayer& layer, int rows, const GatedWeights<const float>& weights,
                 const GatedArrays& arrays, float* x_gradient) {
  layer.backward.swiglu(arrays.gate_up, layer.work.activated_gradient.data(), rows, weights.width);
  layer.backward.linear_input(arrays.gate_up, weights.gate_up, rows, layer.shape.hidden, 2 * weights.width, x_gradient);
}

void dense_input(const TrainedLayer& layer, const float* y_gradient, const GatedWeights<const float>& weights,
                 const GatedArrays& arrays, float* x_gradient) {
  const int rows = layer.batch.rows();
  layer.backward.linear_input(y_gradient, weights.down, rows, weights.width, layer.shape.hidden,
                              layer.work.activated_gradient.data());
  gated_input(layer, rows, weights, arrays, x_gradient);
}

// The gradient of each choice's weight to its place among [rows, experts_per_token].
void place_weight_gradients(const TrainedLayer& layer, int expert) {
  const std::vector<int>& chosen = layer.kept.expert;
  const float* next = layer.work.row_weight_gradient.data();
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i] == expert) layer.work.expert_weight_gradient.data()[i] = *next++;
  }
}

// y = sum of w f(x): with u = down^T y_gradient, dw = u . activated and the gradient of activated is w u.
void experts_input(const TrainedLayer& layer, const float* y_gradient, float* x_gradient) {
  const LayerShape& s = layer.shape;
  TrainingWorkspace& work = layer.work;
  const int rows = layer.batch.rows();
  std::fill_n(x_gradient, area(rows, s.hidden), 0.0f);
  for_each_expert(layer, [&](int expert, int count, const GatedArrays& arrays) {
    const auto weights = expert_weights(s, layer.weights, expert);
    layer.operations.gather(y_gradient, work.expert_row.data(), count, s.hidden, work.gathered.data());
    layer.backward.linear_input(work.gathered.data(), weights.down, count, s.intermediate, s.hidden,
                                work.activated_gradient.data());
    layer.backward.dot_rows(work.activated_gradient.data(), arrays.activated, count, s.intermediate,
                            work.row_weight_gradient.data());
    place_weight_gradients(layer, expert);
    layer.backward.scale_rows(work.activated_gradient.data(), work.row_weight.data(), count, s.intermediate);
    gated_input(layer, count, weights, arrays, work.gathered.data());
    layer.backward.scatter(work.gathered.data(), work.expert_row.data(), count, s.hidden, x_gradient);
  });
  layer.backward.route(layer.kept.expert.data(), layer.kept.expert_weight.data(), work.expert_weight_gradient.data(),
                       rows, s.experts, s.experts_per_token, layer.kept.router.data());
  layer.backward.linear_input(layer.kept.router.data(), layer.weights.router, rows, s.hidden, s.experts,
                              work.projected.data());
  layer.operations.add(x_gradient, work.projected.data(), area(rows, s.hidden), x_gradient);
}

// The norm before a block, and the residual around it: x_gradient = y_gradient + norm's, from the gradient of what the
// norm made. x_gradient may be x.
void norm_input(const TrainedLayer& layer, const float* x, const float* gain, const float* y_gradient,
                float* gain_gradient, float* x_gradient) {
  const LayerShape& s = layer.shape;
  const int rows = layer.batch.rows();
  const float* normed_gradient = layer.work.normed_gradient.data();
  layer.backward.rms_norm_gain(x, s.norm_epsilon, normed_gradient, rows, s.hidden, s.hidden, gain_gradient);
  layer.backward.rms_norm_input(x, gain, s.norm_epsilon, normed_gradient, rows, s.hidden, s.hidden, x_gradient);
  layer.operations.add(x_gradient, y_gradient, area(rows, s.hidden), x_gradient);
}

// kept.middle becomes its gradient.
void feed_forward_input(const TrainedLayer& layer, const float* y_gradient, const GainGradients& gains) {
  const LayerShape& s = layer.shape;
  LayerActivations& kept = layer.kept;
  TrainingWorkspace& work = layer.work;
  float* normed_gradient = work.normed_gradient.data();
  if (s.experts > 0) {
    experts_input(layer, y_gradient, normed_gradient);
  } else {
    dense_input(layer, y_gradient, expert_weights(s, layer.weights, 0), {kept.gate_up.data(), kept.activated.data()},
                normed_gradient);
  }
  if (s.shared_intermediate > 0) {
    dense_input(layer, y_gradient, shared_weights(s, layer.weights),
                {kept.shared_gate_up.data(), kept.shared_activated.data()}, work.projected.data());
    layer.operations.add(normed_gradient, work.projected.data(), area(layer.batch.rows(), s.hidden), normed_gradient);
  }
  norm_input(layer, kept.middle.data(), layer.weights.feed_forward_norm, y_gradient, gains.feed_forward,
             kept.middle.data());
}

void head_norms_input(const TrainedLayer& layer, const GainGradients& gains) {
  const AttentionShape& a = layer.shape.attention;
  const float epsilon = layer.shape.norm_epsilon;
  for (int row = 0; row < layer.batch.rows(); ++row) {
    const float* query = layer.kept.head_input.data() + area(row, rotated_width(layer.shape));
    const float* key = query + layer.shape.attention_width();
    float* query_gradient = layer.kept.qkv.data() + area(row, layer.shape.qkv_width());
    float* key_gradient = query_gradient + layer.shape.attention_width();
    const BackwardOperations& ops = layer.backward;
    ops.rms_norm_gain(query, epsilon, query_gradient, a.heads, a.head_dim, a.head_dim, gains.query);
    ops.rms_norm_gain(key, epsilon, key_gradient, a.kv_heads, a.head_dim, a.head_dim, gains.key);
    ops.rms_norm_input(query, layer.weights.query_norm, epsilon, query_gradient, a.heads, a.head_dim, a.head_dim,
                       query_gradient);
    ops.rms_norm_input(key, layer.weights.key_norm, epsilon, key_gradient, a.kv_heads, a.head_dim, a.head_dim,
                       key_gradient);
  }
}

// qkv of one sequence becomes its gradient, as the rotation took it.
void attend_input(const TrainedLayer& layer, const float* attended_gradient, float* qkv) {
  const LayerShape& s = layer.shape;
  TrainingWorkspace& work = layer.work;
  const int stride = s.qkv_width(), tokens = layer.batch.new_tokens;
  float* keys = qkv + s.attention_width();
  float* values = keys + s.kv_width();
  const KvCache gradient{work.key_gradient.data(), work.value_gradient.data(), tokens};
  const std::size_t floats = static_cast<std::size_t>(tokens) * s.kv_width();
  std::fill_n(gradient.keys, floats, 0.0f);
  std::fill_n(gradient.values, floats, 0.0f);
  layer.operations.store_kv(keys, values, stride, tokens, 0, s.attention, cache_of(layer));
  layer.backward.attention({qkv, stride, tokens, 0}, s.attention, cache_of(layer), attended_gradient,
                           work.scratch.data(), qkv, gradient);
  layer.backward.load_kv(gradient, s.attention, stride, tokens, keys, values);
  const AttentionShape& a = s.attention;
  layer.backward.rope(qkv, layer.rope.cosines(0), layer.rope.sines(0), tokens, a.heads, a.head_dim, stride);
  layer.backward.rope(keys, layer.rope.cosines(0), layer.rope.sines(0), tokens, a.kv_heads, a.head_dim, stride);
}

void attention_input(const TrainedLayer& layer, const float* x, const GainGradients& gains, float* x_gradient) {
  const LayerShape& s = layer.shape;
  LayerActivations& kept = layer.kept;
  const int rows = layer.batch.rows();
  layer.backward.linear_input(kept.middle.data(), layer.weights.attention_output, rows, s.attention_width(), s.hidden,
                              layer.work.attended_gradient.data());
  for (int sequence = 0; sequence < layer.batch.sequences; ++sequence) {
    const int first = sequence * layer.batch.new_tokens;
    attend_input(layer, layer.work.attended_gradient.data() + area(first, s.attention_width()),
                 kept.qkv.data() + area(first, s.qkv_width()));
  }
  if (s.qk_norm) head_norms_input(layer, gains);
  layer.backward.linear_input(kept.qkv.data(), layer.weights.qkv, rows, s.hidden, s.qkv_width(),
                              layer.work.normed_gradient.data());
  norm_input(layer, x, layer.weights.attention_norm, kept.middle.data(), gains.attention, x_gradient);
}

void gated_weight(const TrainedLayer& layer, const float* x, const float* y_gradient, int rows,
                  const GatedArrays& arrays, const GatedWeights<float>& gradients) {
  const int hidden = layer.shape.hidden, width = gradients.width;
  layer.backward.linear_weight(arrays.activated, y_gradient, rows, width, hidden, gradients.down, nullptr);
  layer.backward.linear_weight(x, arrays.gate_up, rows, hidden, 2 * width, gradients.gate_up, nullptr);
}

void experts_weight(const TrainedLayer& layer, const float* y_gradient, const LayerGradients& gradients) {
  const LayerShape& s = layer.shape;
  TrainingWorkspace& work = layer.work;
  const float* normed = layer.kept.feed_forward_normed.data();
  for_each_expert(layer, [&](int expert, int count, const GatedArrays& arrays) {
    layer.operations.gather(normed, work.expert_row.data(), count, s.hidden, work.gathered.data());
    layer.operations.gather(y_gradient, work.expert_row.data(), count, s.hidden, work.projected.data());
    layer.backward.scale_rows(work.projected.data(), work.row_weight.data(), count, s.hidden);
    gated_weight(layer, work.gathered.data(), work.projected.data(), count, arrays,
                 expert_weights(s, gradients, expert));
  });
  layer.backward.linear_weight(normed, layer.kept.router.data(), layer.batch.rows(), s.hidden, s.experts,
                               gradients.router, nullptr);
}

void add_gains(const TrainedLayer& layer, const LayerGradients& gradients) {
  const LayerShape& s = layer.shape;
  const GainGradients gains = gain_gradients(s, layer.kept.gains.data());
  const auto add = [&](const float* gain, int width, float* to) { layer.operations.add(to, gain, area(1, width), to); };
  add(gains.attention, s.hidden, gradients.attention_norm);
  add(gains.feed_forward, s.hidden, gradients.feed_forward_norm);
  if (!s.qk_norm) return;
  add(gains.query, s.attention.head_dim, gradients.query_norm);
  add(gains.key, s.attention.head_dim, gradients.key_norm);
}

}  // namespace

void layer_backward_input(const TrainedLayer& layer, const float* x, const float* y_gradient, float* x_gradient,
                          BufferPool& pool) {
  Buffer& memory = layer.kept.gains;
  std::fill_n(memory.data(), memory.size(), 0.0f);
  const GainGradients gains = gain_gradients(layer.shape, memory.data());
  feed_forward_input(layer, y_gradient, gains);
  attention_input(layer, x, gains, x_gradient);
  pool.release(layer.kept.head_input);
}

void layer_backward_weight(const TrainedLayer& layer, const float* y_gradient, const LayerGradients& gradients) {
  const LayerShape& s = layer.shape;
  LayerActivations& kept = layer.kept;
  const int rows = layer.batch.rows();
  const float* normed = kept.feed_forward_normed.data();
  if (s.experts > 0) {
    experts_weight(layer, y_gradient, gradients);
  } else {
    gated_weight(layer, normed, y_gradient, rows, {kept.gate_up.data(), kept.activated.data()},
                 expert_weights(s, gradients, 0));
  }
  if (s.shared_intermediate > 0) {
    gated_weight(layer, normed, y_gradient, rows, {kept.shared_gate_up.data(), kept.shared_activated.data()},
                 shared_weights(s, gradients));
  }
  layer.backward.linear_weight(kept.attended.data(), kept.middle.data(), rows, s.attention_width(), s.hidden,
                               gradients.attention_output, nullptr);
  layer.backward.linear_weight(kept.attention_normed.data(), kept.qkv.data(), rows, s.hidden, s.qkv_width(),
                               gradients.qkv, gradients.qkv_bias);
  add_gains(layer, gradients);
}

}  // namespace ppplan::kernels::host
