// Bytes of a model's parts, from the dimensions that a document states.
//
// Per layer (h hidden, q heads, k KV heads, d head dimension, i intermediate, E experts, n of them per token, s shared
// width):
//   matrices  h (q + 2 k) d + q d h  +  3 h i                              dense
//                                       E 3 h i + 3 h s + h (E + [s > 0])  mixture of experts, router included
//   vectors   2 h norms, (q + 2 k) d biases, 2 d query and key norms
// Matrices take the bytes of the weights' format, vectors, embedding and head 2 (4 when the model is fp32).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "planner/input/document.h"

namespace ppplan::verify {

struct LayerFacts {
  double weight_bytes = 0;           // of the whole layer, over all tensor-parallel ranks
  double kv_bytes_of_head_pair = 0;  // of one token: key and value of one KV head
  std::int64_t kv_heads = 1;
  bool operator==(const LayerFacts&) const = default;
};

struct ModelFacts {
  std::vector<LayerFacts> layers;
  double end_bytes = 0;  // of the embedding; the head has as many
  bool tied = false;
};

/// Throws InputError for missing or impossible dimensions.
ModelFacts model_facts(const input::Node& model);

}  // namespace ppplan::verify
