// A model as the planner sees it: a list of layers, which may all differ, and the parts at its ends.
//
// Everything about weights follows from one list: weight_parts(model, layer) names each part of a layer with its
// elements, its number format and how tensor parallelism divides it. Parameters per layer (h = hidden size, q =
// attention heads, k = KV heads, d = head dimension, i = intermediate size):
//   gqa        h q d g + 2 h k d + q d h   g = 2 with an output gate, else 1; (+ biases, sinks, query and key norms)
//   mla        query h qr + qr + qr q (n + r), or h q (n + r) without qr; key and value h (c + r) + c + c q (n + v);
//              output q v h      (qr, c = ranks of query and key-value compression, n, r, v = nope, rope, value dims)
//              indexer of sparse attention: qr Hi Di + h Di + 2 Di + h Hi
//   linear     h (2 KD + 2 VD) + 2 h Vh + (2 KD + VD) conv + 2 Vh + Vd + VD h  (gated delta net; KD = KhKd, VD = VhVd)
//              with a gate for every channel: h (2 KD + VD) + 2 h g + g (KD + VD) + h Vh + (2 KD + VD) conv + KD + Vh +
//              Vd + VD h   (Kimi delta attention; g = rank of decay and gate)
//   compressed h qr + qr + qr q d; h d + d; output q d o + G o h; sinks q   (o = output rank in each of G groups)
//              compressor of m tokens, w = 2 d for m = 4, else d:  2 h w + m w + d; for m = 4 an indexer: qr Hi Di +
//              h Hi, and a compressor of its own for Di
//   dense      3 h i                    (gate, up, down; 2 h i without a gate)
//   experts    E 3 h ie + shared + h E  (router) (+ biases, + a table of V experts_per_token where tokens are hashed);
//              experts of a narrow width w E 3 w ie + 2 h w + shared + h E; without a gate 2 in place of 3
//   norms      2 h, or as many as stated
//   streams    2 (2 + s) s (s h + 1) + 6   with s > 1 residual streams
//   own        2 h p + h   a layer that reads an embedding of its own of width p, and V' p + h p of the model's ends
// FLOPs of a token are twice the weights it touches, plus what its attention does with the context.
// Source: the architectures' public model files; totals are checked against the published sizes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "planner/spec/dtype.h"

namespace ppplan::spec {

/// full: gqa and mla look at the whole context. chunked looks back to the start of its chunk of `window` tokens; linear
/// keeps a state of fixed size per sequence; compressed looks at a window and at what it joins `compress_ratio` tokens
/// to; none has no attention at all.
enum class AttentionKind { gqa, sliding_window, chunked, mla, linear, compressed, none };
std::string_view name(AttentionKind kind);
enum class FeedForwardKind { dense, moe, none };
std::string_view name(FeedForwardKind kind);

struct Attention {
  AttentionKind kind = AttentionKind::gqa;
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int window = 0;  // tokens, of a sliding window (beside compressed entries too) or a chunk; 0 otherwise
  bool qkv_bias = false;
  bool qk_norm = false;            // one vector of [head_dim] for queries, one for keys
  bool qk_norm_all_heads = false;  // with qk_norm: vectors over all heads together (MiniMax)
  bool output_bias = false;
  bool output_gate = false;   // queries come with a gate of the same width
  bool sinks = false;         // one learned logit per head
  bool shares_kv = false;     // reads what the last earlier layer of its kind and window keeps; keeps nothing itself
  bool value_is_key = false;  // values are the keys: one projection in the checkpoint, two copies in the engine

  // mla
  int q_lora_rank = 0;  // 0: queries are projected directly
  int kv_lora_rank = 0;
  int nope_dim = 0;
  int rope_dim = 0;
  int value_dim = 0;
  // indexer of sparse mla; 0 without
  int index_heads = 0;
  int index_dim = 0;
  int index_topk = 0;  // tokens that the indexer leaves to attend to

  // linear (gated delta net)
  int key_heads = 0;
  int value_heads = 0;
  int key_head_dim = 0;
  int value_head_dim = 0;
  int conv_kernel = 0;
  int state_bytes_per_element = 2;  // of the recurrent state; the convolution's is in the activation format
  int gate_rank = 0;  // decay and gate have one number a channel, projected through so many; 0: one decay a head

  // compressed (DeepSeek-V4): with q_lora_rank, rope_dim, window and, where it joins 4 tokens, the indexer of mla
  int compress_ratio = 0;  // tokens that one entry stands for; 1: the window alone
  int output_rank = 0;     // of the output's projection, in each of output_groups
  int output_groups = 0;
  bool operator==(const Attention&) const = default;
};

struct FeedForward {
  FeedForwardKind kind = FeedForwardKind::dense;
  int intermediate = 0;  // of the dense block; of one expert when kind is moe
  int experts = 0;
  int experts_per_token = 0;
  int shared_intermediate = 0;  // width of always-active experts together; 0 without
  bool shared_gate = false;     // the shared expert is weighted by a gate of its own (Qwen)
  bool router_bias = false;
  bool expert_bias = false;  // biases of gate, up and down in every expert (gpt-oss)
  bool hashed = false;       // a table names the experts of every token of the vocabulary (DeepSeek-V4)
  bool gated = true;         // gate, up and down; false: up and down alone, in shared and routed experts too
  int narrow = 0;            // width that routed experts read and write, between projections that they share; 0: hidden
  bool operator==(const FeedForward&) const = default;
};

struct Layer {
  Attention attention;
  FeedForward feed_forward;
  int norms = 2;          // vectors of [hidden]
  int own_embedding = 0;  // width of the embedding that this layer alone reads of each token (Gemma 4); 0 without
  bool operator==(const Layer&) const = default;
};

/// A vision or audio tower, held whole by every rank that has it, divided over tensor parallelism where it can be.
struct Tower {
  std::int64_t parameters = 0;
  bool assumed = false;      // the config has no dimensions: a typical size of the family
  bool whole = false;        // every tensor-parallel rank keeps all of it
  int deepstack_layers = 0;  // first layers of the model that take features of the tower (Qwen3-VL)
  bool operator==(const Tower&) const = default;
};

/// Bytes as a checkpoint states them (safetensors headers), over all tensor-parallel ranks.
struct StatedBytes {
  std::vector<std::int64_t> layer_bytes;  // [layer]
  std::int64_t embedding_bytes = 0;
  std::int64_t head_bytes = 0;
  std::int64_t tower_bytes = 0;
  std::int64_t draft_bytes = 0;
  std::int64_t other_bytes = 0;  // final norm and whatever belongs to no layer
  bool operator==(const StatedBytes&) const = default;
};

/// Weights of a quantized matrix that share a scale: a tensor-parallel rank's slice of the matrix has to hold whole
/// groups of its inputs, and of its outputs. 1 where slices may end anywhere.
struct ScaleGroup {
  int inputs = 1;
  int outputs = 1;
  bool operator==(const ScaleGroup&) const = default;
};

struct ModelSpec {
  std::string name;          // as asked for: "llama70b", "org/model", a folder
  std::string architecture;  // "LlamaForCausalLM"
  int hidden = 0;
  std::vector<Layer> layers;
  int vocabulary = 0;
  bool tied_embedding = false;  // the head uses the embedding's weights
  int layer_vocabulary = 0;     // rows of the table of the layers' own embeddings; 0 without
  int residual_streams = 1;     // of [hidden] each, which every layer mixes (DeepSeek-V4)
  int max_position = 0;         // longest context in tokens
  DType dtype = DType::bf16;    // of dense blocks, shared experts, and of what follows unless stated apart
  DType kv_dtype = DType::bf16;
  double rope_theta = 10000;
  double norm_epsilon = 1e-5;
  DType attention_dtype = DType::bf16;   // of attention's matrices
  DType expert_dtype = DType::bf16;      // of the experts' matrices
  DType activation_dtype = DType::bf16;  // of norms, biases, routers, embedding, head, and of what travels
  std::optional<DType> head_dtype;       // where the checkpoint quantizes the head
  ScaleGroup scale_group;                // of the matrices that are not in activation_dtype
  bool attention_may_be_wide = false;    // formats are known by the name alone: attention may be in activation_dtype
  std::string quantization;              // method that a checkpoint's config states: "awq", "gptq", "fp8"; "" without
  Tower tower;
  std::vector<Layer> draft_layers;  // multi-token prediction; loaded only when speculation is asked for
  std::optional<StatedBytes> stated;
  std::vector<std::string> notes;  // what the reader had to leave aside, one sentence each
  bool operator==(const ModelSpec&) const = default;
};

/// Sets the format of all matrices (what --dtype and quantization flags do); what the checkpoint states in its own
/// formats no longer counts.
void set_weight_dtype(ModelSpec& model, DType dtype);

/// Sets the format of the recurrent states that layers keep (what --mamba-ssm-cache-dtype does).
void set_state_dtype(ModelSpec& model, DType dtype);

/// How a part of a layer is divided over t tensor-parallel ranks: even, over whole KV heads (at least one a rank), not
/// at all, or over experts (as even, or whole experts over all ranks of a stage with expert parallelism).
enum class Division { even, kv_heads, whole, experts };

struct WeightPart {
  std::string_view name;  // "query", "router", "experts", ...: static text
  std::int64_t elements = 0;
  DType dtype = DType::bf16;
  Division division = Division::even;
  bool active = true;  // false: the experts, of which a token touches experts_per_token / experts
};
/// All of a layer's weights; their elements sum to parameters(model, layer).
std::vector<WeightPart> weight_parts(const ModelSpec& model, const Layer& layer);

std::int64_t attention_parameters(const ModelSpec& model, const Layer& layer);
std::int64_t feed_forward_parameters(const ModelSpec& model, const Layer& layer);
/// All of a layer: attention, feed-forward, norms.
std::int64_t parameters(const ModelSpec& model, const Layer& layer);
/// The token table and, where layers have embeddings of their own, the table and the projection of those.
std::int64_t embedding_parameters(const ModelSpec& model);
/// Of it, what belongs to the layers' own embeddings; 0 without.
std::int64_t layer_table_parameters(const ModelSpec& model);
/// vocabulary * hidden even when tied: what a stage that owns the head must hold if it does not own the embedding.
std::int64_t head_parameters(const ModelSpec& model);
/// Its feed-forward block has experts; any layer's has.
bool has_experts(const Layer& layer);
bool has_experts(const ModelSpec& model);
/// Some layers keep a state of fixed size per sequence.
bool has_states(const ModelSpec& model);
/// Matrices of a feed-forward block, or of each of its experts: 3, or 2 without a gate.
int block_matrices(const FeedForward& block);
/// Columns that its routed experts read and write.
int expert_hidden(const ModelSpec& model, const FeedForward& block);
/// The whole model, a tied embedding counted once, final norm and tower included, draft layers not.
std::int64_t parameters(const ModelSpec& model);
/// Of one token: experts_per_token experts of each layer.
std::int64_t active_parameters(const ModelSpec& model);

/// How the weights of a stage are spread: t ranks, and with expert parallelism whole experts over t * dp ranks.
struct Sharding {
  int tp = 1;
  int expert_ranks = 0;  // 0: experts are divided like everything else
  bool operator==(const Sharding&) const = default;
};
/// KV heads of one of `tp` ranks: whole ones, at least one.
int kv_heads_of_rank(const Attention& attention, int tp);
/// Weight bytes of layer `index` on one rank; of the checkpoint where it states them, divided in the parts' proportion.
std::int64_t layer_bytes(const ModelSpec& model, std::size_t index, const Sharding& sharding);
/// Weight bytes of a layer over all ranks: matrices in their format, vectors in the activation format.
std::int64_t weight_bytes(const ModelSpec& model, const Layer& layer);
/// What a rank holds more of a layer whose attention stayed in the activation format after all; 0 unless
/// attention_may_be_wide.
std::int64_t wide_attention_bytes(const ModelSpec& model, const Layer& layer, const Sharding& sharding);
/// Embedding and, unless head_dtype is stated, head are kept in the activation format: most quantized checkpoints leave
/// them alone.
std::int64_t embedding_bytes(const ModelSpec& model);
/// Of the token table alone.
std::int64_t token_table_bytes(const ModelSpec& model);
std::int64_t head_bytes(const ModelSpec& model);
std::int64_t tower_bytes(const ModelSpec& model);
/// Draft layers with their projections and norms, one rank of `sharding`; without copies of embedding and head.
std::int64_t draft_bytes(const ModelSpec& model, const Sharding& sharding);

/// KV cache of one token in one layer, all heads: gqa and windows 2 * kv_heads * head_dim * bytes, mla (kv_lora_rank +
/// rope_dim) * bytes, with an indexer and an fp8 cache kv_lora_rank + 4 per 128 of it + 2 rope_dim (the layout
/// fp8_ds_mla of vLLM, 656 bytes); linear 0. compressed: an entry of entry_bytes() over the tokens that it stands for.
/// The indexer's keys are added.
std::int64_t kv_bytes_per_token(const ModelSpec& model, const Layer& layer);
/// The same on one of `tp` ranks: max(1, kv_heads / tp) heads; mla is the same on all ranks.
std::int64_t kv_bytes_per_token(const ModelSpec& model, const Layer& layer, int tp);
/// Of it, the keys of a sparse attention's indexer: one of fp8 per token with a 4-byte scale per 128 elements; of
/// compressed attention one per entry.
std::int64_t indexer_bytes_per_token(const Layer& layer);
/// One entry of compressed attention: fp8 with a byte of scale per 64 elements and one to spare, the rotary part in 2
/// bytes (584 of DeepSeek-V4); 0 for other kinds.
std::int64_t entry_bytes(const Layer& layer);
/// The layer whose keys and values `index` reads: itself, or the last earlier one of its kind that keeps its own.
std::size_t kv_layer(const ModelSpec& model, std::size_t index);
/// State of one sequence in a linear layer on one of `tp` ranks, convolution and recurrence; 0 for the others.
std::int64_t state_bytes_per_sequence(const ModelSpec& model, const Layer& layer, int tp);

/// Floating-point operations of one token in one layer whose attention looks at `context` tokens (clipped to the
/// window, the chunk, or what the indexer leaves).
double flops_per_token(const ModelSpec& model, const Layer& layer, double context);
/// Of the head, per sampled token.
double head_flops_per_token(const ModelSpec& model);
/// What travels between stages per token, in the activation format: hidden state and residual, each [hidden], or all
/// residual streams; with them the embeddings of all layers that read their own.
std::int64_t boundary_bytes_per_token(const ModelSpec& model);

}  // namespace ppplan::spec
