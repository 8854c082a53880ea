// A model as the planner sees it: a list of layers, which may all differ, and the parts at its ends.
//
// Parameters per layer (h = hidden size, q = attention heads, k = KV heads, d = head dimension, i = intermediate size):
//   attention  h*q*d + 2*h*k*d + q*d*h  (+ biases, + 2*d with query/key norms)
//   dense      3*h*i                    (gate, up, down)
//   experts    E*3*h*ie + shared + h*E  (router)
//   norms      2*h
// FLOPs of a token are twice the weights it touches, plus 4*q*d*context for attention scores and values.
// Source: the architectures' public model files; totals are checked against the published sizes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "planner/spec/dtype.h"

namespace ppplan::spec {

enum class AttentionKind { gqa, sliding_window };
enum class FeedForwardKind { dense, moe };

struct Attention {
  AttentionKind kind = AttentionKind::gqa;
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int window = 0;  // tokens, of a sliding window; 0 otherwise
  bool qkv_bias = false;
  bool qk_norm = false;
  bool operator==(const Attention&) const = default;
};

struct FeedForward {
  FeedForwardKind kind = FeedForwardKind::dense;
  int intermediate = 0;  // of the dense block; of one expert when kind is moe
  int experts = 0;
  int experts_per_token = 0;
  int shared_intermediate = 0;  // width of always-active experts together; 0 without
  bool operator==(const FeedForward&) const = default;
};

struct Layer {
  Attention attention;
  FeedForward feed_forward;
  bool operator==(const Layer&) const = default;
};

struct ModelSpec {
  std::string name;          // as asked for: "llama70b", "org/model", a folder
  std::string architecture;  // "LlamaForCausalLM"
  int hidden = 0;
  std::vector<Layer> layers;
  int vocabulary = 0;
  bool tied_embedding = false;  // the head uses the embedding's weights
  int max_position = 0;         // longest context in tokens
  DType dtype = DType::bf16;    // of the weights
  DType kv_dtype = DType::bf16;
  double rope_theta = 10000;
  double norm_epsilon = 1e-5;
  bool operator==(const ModelSpec&) const = default;
};

std::int64_t attention_parameters(const ModelSpec& model, const Layer& layer);
std::int64_t feed_forward_parameters(const ModelSpec& model, const Layer& layer);
/// All of a layer: attention, feed-forward, norms.
std::int64_t parameters(const ModelSpec& model, const Layer& layer);
std::int64_t embedding_parameters(const ModelSpec& model);
/// vocabulary * hidden even when tied: what a stage that owns the head must hold if it does not own the embedding.
std::int64_t head_parameters(const ModelSpec& model);
/// The whole model, a tied embedding counted once, the final norm included.
std::int64_t parameters(const ModelSpec& model);
/// Weight bytes of a layer: matrices in the model's dtype, norms and biases in 2 bytes.
std::int64_t weight_bytes(const ModelSpec& model, const Layer& layer);
/// Embedding and head are kept in 2 bytes unless the model is fp32: quantized checkpoints leave them alone.
std::int64_t embedding_bytes(const ModelSpec& model);
std::int64_t head_bytes(const ModelSpec& model);
/// KV cache of one token in one layer, all heads: 2 * kv_heads * head_dim * bytes.
std::int64_t kv_bytes_per_token(const ModelSpec& model, const Layer& layer);
/// Floating-point operations of one token in one layer whose attention looks at `context` tokens (clipped to the
/// window).
double flops_per_token(const ModelSpec& model, const Layer& layer, double context);
/// Of the head, per sampled token.
double head_flops_per_token(const ModelSpec& model);
/// What travels between stages per token: hidden state and residual, each [hidden], in the activation dtype (2 bytes; 4
/// when the model is fp32).
std::int64_t boundary_bytes_per_token(const ModelSpec& model);

}  // namespace ppplan::spec
