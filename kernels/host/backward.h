// The backward counterparts of operations.h, fp32: gradients with respect to inputs and to weights, as functions apart.
//
// y is what the forward made of x, y_gradient the gradient of the loss with respect to y. Functions of inputs write
// their result; functions of weights add to theirs, since gradients are accumulated over micro-batches. Everything else
// is as in operations.h: row-major, single-threaded, deterministic, one set of functions per instruction set.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "kernels/host/operations.h"

namespace ppplan::kernels::host {

/// m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w -= rate (m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon) +
/// decay w), with weight decay on every weight.
struct AdamW {
  float rate = 1e-3f;
  float beta1 = 0.9f;
  float beta2 = 0.95f;
  float epsilon = 1e-8f;
  float decay = 0.1f;
  bool operator==(const AdamW&) const = default;
};

struct BackwardOperations {
  std::string_view instructions;

  /// x_gradient [rows, inputs] = y_gradient [rows, outputs] * weight [outputs, inputs].
  void (*linear_input)(const float* y_gradient, const float* weight, int rows, int inputs, int outputs,
                       float* x_gradient);
  /// weight_gradient [outputs, inputs] += y_gradient^T * x; bias_gradient [outputs], unless it is nullptr, += the sum
  /// of y_gradient's rows.
  void (*linear_weight)(const float* x, const float* y_gradient, int rows, int inputs, int outputs,
                        float* weight_gradient, float* bias_gradient);
  /// With r = 1 / sqrt(mean(x^2) + epsilon): x_gradient = r (g - x r^2 mean(g x)), g = gain * y_gradient. x_gradient
  /// may be x or y_gradient.
  void (*rms_norm_input)(const float* x, const float* gain, float epsilon, const float* y_gradient, int rows, int width,
                         int stride, float* x_gradient);
  /// gain_gradient [width] += y_gradient * x * r, over rows.
  void (*rms_norm_gain)(const float* x, float epsilon, const float* y_gradient, int rows, int width, int stride,
                        float* gain_gradient);
  /// Turns back the rotation of rope() in place.
  void (*rope)(float* gradient, const float* cosines, const float* sines, int tokens, int heads, int head_dim,
               int stride);
  /// Attention of one sequence without a past, over the cache that holds its keys and values. `query_gradient` has the
  /// layout of the queries and may be them; the cache of gradients is added to. `scratch` has
  /// attention_backward_scratch() floats on a 64-byte boundary. Probabilities are computed anew, block by block.
  void (*attention)(const Queries& queries, const AttentionShape& shape, const KvCache& cache, const float* y_gradient,
                    float* scratch, float* query_gradient, const KvCache& cache_gradient);
  /// Reads what store_kv() would have written at `past` = 0.
  void (*load_kv)(const KvCache& cache, const AttentionShape& shape, int stride, int tokens, float* keys,
                  float* values);
  /// gate_up [rows, 2 * width] becomes its gradient; y_gradient [rows, width] is used up.
  void (*swiglu)(float* gate_up, float* y_gradient, int rows, int width);
  /// out[r] = the product of a[r] and b[r], [rows, width].
  void (*dot_rows)(const float* a, const float* b, int rows, int width, float* out);
  /// x[r] *= factor[r]: [rows, width].
  void (*scale_rows)(float* x, const float* factor, int rows, int width);
  /// logit_gradient [tokens, experts] of route(): w (d - sum of w d over the chosen) where chosen, 0 elsewhere, from
  /// the weights w and their gradients d [tokens, chosen].
  void (*route)(const int* expert, const float* weight, const float* weight_gradient, int tokens, int experts,
                int chosen, float* logit_gradient);
  /// out[row[r]] += x[r], in the order of r: what gather() and embed() leave to their source.
  void (*scatter)(const float* x, const int* row, int rows, int hidden, float* out);
  /// loss[r] = log(sum of exp(logits[r])) - logits[r][target[r]]; logits become `scale` times their gradients:
  /// scale * (softmax - 1 at the target).
  void (*cross_entropy)(float* logits, const int* target, int rows, int vocabulary, float scale, float* loss);
  /// One step of AdamW (Loshchilov and Hutter 2019) on `count` weights with their two moments; `step` counts from 1.
  void (*adamw)(float* weight, const float* gradient, float* mean, float* square, std::size_t count,
                const AdamW& options, int step);
};

/// Of the same instruction set as operations().
const BackwardOperations& backward_operations();
/// Every set that this CPU can run, "baseline" first.
std::vector<const BackwardOperations*> available_backward_operations();

/// Floats that attention() needs for a sequence of `tokens`.
std::size_t attention_backward_scratch(const AttentionShape& shape, int tokens);

}  // namespace ppplan::kernels::host
