// One decoder layer on a GPU: kernels/host/layer.h in bf16, its KV cache in pages. Everything is enqueued on one stream
// and reads nothing from the host, so that a CUDA graph can hold it.
//
// The residual stream is bf16 and takes part in the last product of each block (Linear's addend), in fp32.
#pragma once

#include <functional>
#include <span>

#include "kernels/cuda/linear.h"
#include "kernels/cuda/operations.h"
#include "kernels/cuda/owners.h"
#include "kernels/host/layer.h"

namespace ppplan::kernels::cuda {

using host::LayerBatch;
using host::LayerShape;
/// Laid out as on the host, but for key_up, which is [heads, latent, nope] here: queries meet it and not the latents.
using LayerWeights = host::LayerArrays<const Bf16>;

/// Cosines and sines of rotary embedding, [positions, rotated_dim / 2] each, in device memory.
struct RopeAngles {
  const float* cosines = nullptr;
  const float* sines = nullptr;
};

/// One micro-batch in one layer. Arrays are device memory; rows are ordered [sequence, token].
struct LayerInputs {
  LayerBatch batch;
  const int* position = nullptr;     // [rows]
  const int* slot = nullptr;         // [rows]
  const int* query_start = nullptr;  // [sequences + 1]
  PagedBatch paged;
  PagedKv cache;  // of latent attention the keys are PagedLatents::tokens, and there are no values
  RopeAngles rope;
};

/// Intermediate results of any layer of the given shapes at up to `rows` rows of `sequences` sequences that look back
/// on up to `kv_tokens` tokens. For one stream.
struct Workspace {
  Workspace() = default;
  /// On the current device. Throws DeviceError.
  Workspace(std::span<const LayerShape> shapes, int rows, int sequences, int kv_tokens);

  DeviceArray<Bf16> normed;                    // [rows, hidden]
  DeviceArray<Bf16> qkv;                       // [rows, qkv_width]
  DeviceArray<Bf16> queries;                   // [rows, query_width], of layers with query_rank
  DeviceArray<Bf16> absorbed;                  // [rows, heads, latent + rope]
  DeviceArray<Bf16> attended_latents;          // [rows, heads, latent]
  DeviceArray<Bf16> attended;                  // [rows, attention_width]
  DeviceArray<float> scratch;                  // of decode attention
  DeviceArray<Bf16> gate_up;                   // [rows * max(experts_per_token, 1), 2 * intermediate]
  DeviceArray<Bf16> activated;                 // half of that
  DeviceArray<float> router;                   // [rows, experts]
  DeviceArray<float> expert_weight;            // [rows, experts_per_token]
  DeviceArray<int> expert, place, sorted_row;  // [rows * experts_per_token]
  DeviceArray<int> count, first_row;           // [experts], [experts + 1]
  DeviceArray<Bf16> expert_out;                // [rows * experts_per_token, hidden]
  int processors = 1;                          // of the device: what decode attention spreads a sequence over
};

/// Parts that decode attention cuts a sequence's keys into: enough blocks for two on every processor, each of at least
/// one tile of 64 keys.
int decode_splits(const AttentionShape& shape, int sequences, int kv_tokens, int processors);

/// Where the layer is one rank's part of a tensor-parallel one: shape, weights and cache are the part's.
struct LayerPart {
  int rank = 0;
  /// Enqueues the sum of all ranks' values in place; empty where the layer is whole.
  std::function<void(Bf16* values, std::size_t count, cudaStream_t stream)> sum;
};

/// y [rows, hidden] from x; y may be x. Of a part, x and y are whole and equal on all ranks; each block's outputs are
/// rounded to bf16 before they are summed. Throws what the kernels and Linear throw.
void decoder_layer(Linear& linear, const LayerShape& shape, const LayerWeights& weights, const LayerInputs& inputs,
                   Workspace& workspace, const Bf16* x, Bf16* y, cudaStream_t stream, const LayerPart& part = {});

}  // namespace ppplan::kernels::cuda
