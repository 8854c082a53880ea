#include "kernels/host/operations.h"

#include <algorithm>

#include "kernels/host/buffer.h"

namespace ppplan::kernels::host {

namespace baseline {
const Operations& table();
}
#ifdef PPPLAN_KERNELS_AVX2
namespace avx2 {
const Operations& table();
}
#endif

std::vector<const Operations*> available_operations() {
  std::vector<const Operations*> tables{&baseline::table()};
#ifdef PPPLAN_KERNELS_AVX2
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) tables.push_back(&avx2::table());
#endif
  return tables;
}

const Operations& operations() {
  static const Operations& best = *available_operations().back();
  return best;
}

std::size_t attention_scratch(const AttentionShape& shape, int tokens, int kv_tokens) {
  const auto rows = static_cast<std::size_t>(shape.heads / shape.kv_heads * std::min(tokens, kQueryBlock));
  return Buffer::aligned(rows * static_cast<std::size_t>(shape.head_dim)) + Buffer::aligned(rows) +
         rows * static_cast<std::size_t>(kv_tokens);
}

}  // namespace ppplan::kernels::host
