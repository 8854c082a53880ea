// Bytes of a model's parts, from the dimensions that a document states, without the code that planned with them.
//
// Each layer's weights fall into four sums by how t ranks of tensor parallelism divide them (h hidden):
//   even        1/t each: queries, outputs, dense blocks, linear attention, expanding projections of mla
//   kv heads    max(1, k / t) of k heads: keys and values with their biases
//   whole       on every rank: norms, routers, output biases, compressing projections of mla, indexers
//   experts     1/t each, or ceil(E / ranks) of E with expert parallelism
// Matrices take the bytes of their format, vectors, routers, embedding and head those of the activations (2, or 4 when
// the model is fp32, unless stated). Where the document states the checkpoint's bytes of a layer, those count, divided
// in the sums' proportion.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "planner/input/document.h"

namespace ppplan::verify {

/// Matrices of a feed-forward block, or of each of its experts: 3, or 2 without a gate.
double block_matrices(const input::Node& block);
/// Columns that its routed experts read and write: `hidden`, or the narrow width between their shared projections.
double expert_columns(const input::Node& block, double hidden);

struct LayerFacts {
  double weight_bytes = 0;           // of the whole layer, every part once
  double kv_bytes_of_head_pair = 0;  // of one token: key and value of one KV head
  std::int64_t kv_heads = 1;

  std::string attention = "gqa";  // gqa, sliding_window, chunked, mla, linear, compressed or none
  bool shares_kv = false;         // reads another layer's keys and values
  std::int64_t window = 0;        // tokens of a sliding window or a chunk, else 0
  double even_bytes = 0;
  double kv_head_bytes = 0;
  double whole_bytes = 0;
  double expert_bytes = 0;
  std::int64_t experts = 0;
  double expanded_heads = 0;     // of mla: heads as ordinary attention would cache them
  double expanded_elements = 0;  // of one such key
  double kv_element_bytes = 2;
  double latent_bytes = 0;    // of one token with mla, indexer included: the same on every rank
  double state_channels = 0;  // of the convolution, over all ranks, kept for state_taps tokens each
  double state_taps = 0;
  double channel_bytes = 2;      // per element of the convolution's state
  std::int64_t state_heads = 0;  // of the recurrence, each with head_state elements
  double head_state = 0;
  double recurrent_bytes = 2;               // per element of the recurrent state
  std::int64_t joined = 0;                  // tokens of one entry of compressed attention; 1: the window alone
  double selector_bytes = 0;                // of one token, of the key by which heads choose blocks: on every rank
  double entry_bytes = 0, index_bytes = 0;  // of one entry, and of its key for the indexer
  double head_width = 0, index_width = 0;   // numbers of what its compressors keep
  bool operator==(const LayerFacts&) const = default;
};

struct ModelFacts {
  std::vector<LayerFacts> layers;
  double end_bytes = 0;          // of the embedding by its dimensions
  double embedding_bytes = 0;    // as the checkpoint states them, else end_bytes
  double head_bytes = 0;         // as many numbers, in the head's format
  double layer_table_bytes = 0;  // of the embedding: rows of the layers' own ones, their projection and its norm
  double norm_bytes = 0;         // the final one
  double streams = 1;            // of the residual
  double own_width = 0;          // of all layers' own embeddings, of one token
  double tower_bytes = 0;
  bool whole_tower = false;  // not divided over ranks
  bool tied = false;
  bool narrow = false;  // quantized, but not to fp8
  std::vector<LayerFacts> draft_layers;
  double draft_join_bytes = 0;  // projection [2 h, h] and three norms of all draft layers, whole on every rank
};

/// Of a number format's name, scales and zero points included.
double element_bytes(const input::Node& format);
/// Throws InputError for missing or impossible dimensions.
ModelFacts model_facts(const input::Node& model);

/// The layer whose keys and values layer `index` reads: the nearest earlier one of its kind and window with its own.
std::size_t read_layer(const ModelFacts& model, std::size_t index);
/// Weight bytes of a layer on one of `tp` ranks; experts over `expert_ranks` where that is not 0.
double rank_weight_bytes(const LayerFacts& layer, std::int64_t tp, std::int64_t expert_ranks = 0);
/// KV bytes of one token on one of `tp` ranks.
double rank_kv_bytes_per_token(const LayerFacts& layer, std::int64_t tp);
/// Bytes of one sequence's state on one of `tp` ranks; 0 unless the layer is linear.
double rank_state_bytes(const LayerFacts& layer, std::int64_t tp);
/// Draft layers and their joins on one rank; copies of embedding and head not included.
double rank_draft_bytes(const ModelFacts& model, std::int64_t tp, std::int64_t expert_ranks = 0);

}  // namespace ppplan::verify
