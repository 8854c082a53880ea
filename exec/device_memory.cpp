#include "exec/device_memory.h"

#include <fmt/format.h>

#include <string>

namespace ppplan::exec {

namespace {

double gib(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 30); }

std::string sentence(const std::vector<StageMemory>& stages) {
  for (const StageMemory& s : stages)
    if (s.short_bytes() > 0)
      return fmt::format(
          "stage {} does not fit: it needs {:.2f} GiB of GPU {} (weights {:.2f}, KV cache {:.2f}, workspaces {:.2f}, "
          "buffers {:.2f}), which has {:.2f} GiB left for it, {:.2f} GiB too few ({} bytes)",
          s.stage, gib(s.needed_bytes()), s.gpu, gib(s.weights_bytes), gib(s.cache_bytes), gib(s.workspace_bytes),
          gib(s.buffer_bytes), gib(s.free_bytes), gib(s.short_bytes()), s.short_bytes());
  return "no stage is short of memory";
}

}  // namespace

StagesTooLarge::StagesTooLarge(std::vector<StageMemory> stages)
    : std::runtime_error(sentence(stages)), stages_(std::move(stages)) {}

}  // namespace ppplan::exec
