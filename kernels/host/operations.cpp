#include "kernels/host/operations.h"

#include <algorithm>

#include "kernels/host/backward.h"
#include "kernels/host/buffer.h"

namespace ppplan::kernels::host {

namespace baseline {
const Operations& table();
const BackwardOperations& backward_table();
}  // namespace baseline
#ifdef PPPLAN_KERNELS_AVX2
namespace avx2 {
const Operations& table();
const BackwardOperations& backward_table();
}  // namespace avx2
#endif

namespace {

#ifdef PPPLAN_KERNELS_AVX2
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#endif

}  // namespace

std::vector<const Operations*> available_operations() {
  std::vector<const Operations*> tables{&baseline::table()};
#ifdef PPPLAN_KERNELS_AVX2
  if (has_avx2()) tables.push_back(&avx2::table());
#endif
  return tables;
}

std::vector<const BackwardOperations*> available_backward_operations() {
  std::vector<const BackwardOperations*> tables{&baseline::backward_table()};
#ifdef PPPLAN_KERNELS_AVX2
  if (has_avx2()) tables.push_back(&avx2::backward_table());
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

// Keys and values of one head, and the scores of its queries.
std::size_t latent_scratch(const LatentShape& shape, int tokens, int kv_tokens) {
  return static_cast<std::size_t>(kv_tokens) * static_cast<std::size_t>(shape.nope + shape.rope + shape.value + tokens);
}

const BackwardOperations& backward_operations() {
  static const BackwardOperations& best = *available_backward_operations().back();
  return best;
}

std::size_t attention_backward_scratch(const AttentionShape& shape, int tokens) {
  const auto rows = static_cast<std::size_t>(shape.heads / shape.kv_heads * std::min(tokens, kQueryBlock));
  return 2 * Buffer::aligned(rows * static_cast<std::size_t>(shape.head_dim)) + Buffer::aligned(rows) +
         2 * Buffer::aligned(rows * static_cast<std::size_t>(tokens));
}

}  // namespace ppplan::kernels::host
