// What stages need of their devices' memory, and that they don't get it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace ppplan::exec {

/// What a stage asks of its GPU's memory, to the byte; the driver rounds each array up.
struct StageMemory {
  int stage = 0;
  int gpu = 0;
  std::int64_t weights_bytes = 0;
  std::int64_t cache_bytes = 0;      // KV pages
  std::int64_t workspace_bytes = 0;  // intermediate results of a layer, of products and of the head; angles, tables
  std::int64_t buffer_bytes = 0;     // activations, receive buffers, tokens, logits
  std::int64_t free_bytes = 0;       // that the GPU has left for it, after the stages before it
  std::int64_t needed_bytes() const { return weights_bytes + cache_bytes + workspace_bytes + buffer_bytes; }
  std::int64_t short_bytes() const { return std::max<std::int64_t>(0, needed_bytes() - free_bytes); }
};

/// The stages don't fit their GPUs. The sentence names the first that doesn't, and by how much.
class StagesTooLarge : public std::runtime_error {
 public:
  explicit StagesTooLarge(std::vector<StageMemory> stages);
  const std::vector<StageMemory>& stages() const { return stages_; }

 private:
  std::vector<StageMemory> stages_;
};

}  // namespace ppplan::exec
