// The bytes of a model's layers and ends as its checkpoint states them: from model.safetensors.index.json and the
// headers of its files, or from a single model.safetensors, in the model's folder. Tensor data is never read.
//
// A tensor belongs where the first telling word of its dotted name says, from left to right:
//   vision_tower, visual, mm_projector, ...   tower (its own layers with it)
//   mtp, mtp_layers, ...                      draft
//   layers.<i>, blocks.<i>, h.<i>             layer i; draft when i >= num_hidden_layers
//   embed_tokens, wte, word_embeddings        embedding
//   lm_head, output_layer                     head
//   none of them (the final norm)             other
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "planner/spec/model_spec.h"

namespace ppplan::spec {

enum class Holder { layer, embedding, head, tower, draft, other };

struct Belonging {
  Holder holder = Holder::other;
  std::int64_t layer = 0;   // of holder layer: as named, at most 2^31; not yet compared with the model's count
  std::string_view prefix;  // of holder layer: what stands before its number ("model.layers."), a part of the name
  bool operator==(const Belonging&) const = default;
};
/// Where a tensor belongs; a view of `name`.
Belonging belonging(std::string_view name);

struct StatedWeights {
  std::optional<StatedBytes> bytes;
  /// Layers' bytes of tensors in F32 or F64. Engines load floats in the format that the config asks for, so where these
  /// are most of the layers and the config asks for 2 bytes, the checkpoint's bytes are not what a GPU will hold.
  std::int64_t wide_bytes = 0;
  /// Why the checkpoint's bytes are not used, or what is odd about them; "" where there is no checkpoint, or nothing
  /// to say.
  std::string note;
};

/// `layers`: num_hidden_layers. No bytes, with a note, when files are not there or are Git LFS pointers, a layer has no
/// tensor, or layers stand under two names (two models in one checkpoint). Throws InputError, naming file, tensor and
/// place, for files that are damaged or don't hold what the index says.
StatedWeights stated_weights(const std::string& folder, int layers);

}  // namespace ppplan::spec
