// A decoder layer in training: a forward that keeps what the gradients need, and the gradients of its input and of its
// weights as passes apart. Sequences have no past, and no cache outlives the call.
//
// The forward keeps these arrays besides its input x, which the caller keeps until the input gradient is done (r rows,
// h hidden, q qkv_width, a heads * head_dim, i intermediate; of experts, rows count once per chosen expert):
//
//   normed 2 r h, qkv r q, attended r a, middle r h, gate_up 2 r i, activated r i, router r experts, gains 2 h (+ 2
//   head_dim), and with query and key norms their inputs, r (heads + kv_heads) head_dim
//
// The weight gradient needs the input of each linear map and the gradient of its output. So the input gradient writes
// each gradient over the value that it alone still needed (middle, qkv, gate_up, router; the caller's x may become its
// gradient alike) and adds the gradients of the norms' gains, small as they are, to `gains`. All that it frees are the
// inputs of the query and key norms; a layer without them holds as much after its input gradient as before.
#pragma once

#include <vector>

#include "kernels/host/backward.h"
#include "kernels/host/buffer_pool.h"
#include "kernels/host/layer.h"

namespace ppplan::kernels::host {

struct LayerActivations {
  Buffer attention_normed;     // [rows, hidden]
  Buffer head_input;           // [rows, (heads + kv_heads) * head_dim] before the query and key norms; or empty
  Buffer qkv;                  // [rows, qkv_width] as attention takes it; then its gradient
  Buffer attended;             // [rows, heads * head_dim]
  Buffer middle;               // [rows, hidden] after attention's residual; then its gradient
  Buffer feed_forward_normed;  // [rows, hidden]
  Buffer gate_up;              // [rows * max(experts_per_token, 1), 2 * intermediate], by expert; then its gradient
  Buffer activated;            // [rows * max(experts_per_token, 1), intermediate], by expert
  Buffer shared_gate_up;       // [rows, 2 * shared_intermediate]; then its gradient
  Buffer shared_activated;     // [rows, shared_intermediate]
  Buffer router;               // [rows, experts] logits; then their gradient
  Buffer expert_weight;        // [rows, experts_per_token]
  Buffer gains;                // gradients of the four norms' gains, each on a boundary of its own
  std::vector<int> expert;     // [rows, experts_per_token]; not counted by the pool

  /// Takes every array from the pool.
  void acquire(const LayerShape& shape, int rows, BufferPool& pool);
  /// Gives back what the pool still lent.
  void release(BufferPool& pool);
};

/// Intermediate results of both directions.
class TrainingWorkspace {
 public:
  TrainingWorkspace() = default;
  TrainingWorkspace(std::span<const LayerShape> shapes, const LayerBatch& batch);

  Buffer keys, values;                     // [kv_heads, new_tokens, head_dim] of one sequence
  Buffer key_gradient, value_gradient;     // alike
  Buffer scratch;                          // of attention
  Buffer projected;                        // [rows, hidden]
  Buffer gathered;                         // [rows, hidden]
  Buffer normed_gradient;                  // [rows, hidden]
  Buffer attended_gradient;                // [rows, heads * head_dim]
  Buffer activated_gradient;               // [rows, intermediate]
  Buffer row_weight, row_weight_gradient;  // [rows]
  Buffer expert_weight_gradient;           // [rows, experts_per_token]
  std::vector<int> expert_row;             // [rows]
};

/// One layer and what its three passes work on. The batch has no past.
struct TrainedLayer {
  const Operations& operations;
  const BackwardOperations& backward;
  const LayerShape& shape;
  const LayerWeights& weights;
  const RopeTable& rope;
  const LayerBatch& batch;
  TrainingWorkspace& work;
  LayerActivations& kept;
};

/// y [rows, hidden] from x, equal to decoder_layer() bit for bit; y is not x.
void layer_forward(const TrainedLayer& layer, const float* x, float* y);
/// x_gradient [rows, hidden] from y_gradient; x_gradient may be x. What is no longer needed goes back to the pool.
void layer_backward_input(const TrainedLayer& layer, const float* x, const float* y_gradient, float* x_gradient,
                          BufferPool& pool);
/// Adds to the gradients of the weights, after layer_backward_input() of the same batch with the same y_gradient.
void layer_backward_weight(const TrainedLayer& layer, const float* y_gradient, const LayerGradients& gradients);

}  // namespace ppplan::kernels::host
