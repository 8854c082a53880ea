#include "exec/cuda/step_arrays.h"

namespace ppplan::exec::cuda {

namespace {

// In the order in which the accessors name them.
std::vector<int> arrays_of(const spec::BatchShape& shape, const std::vector<int>& pages, int table_stride) {
  std::vector<int> positions, slots, query_start{0}, last_row, kv_tokens;
  for (int s = 0; s < shape.sequences; ++s) {
    for (int t = 0; t < shape.new_tokens; ++t) {
      const int position = shape.past_tokens + t;
      const int page = pages[static_cast<std::size_t>(s * table_stride + position / PagedCaches::kPageTokens)];
      positions.push_back(position);
      slots.push_back(page * PagedCaches::kPageTokens + position % PagedCaches::kPageTokens);
    }
    query_start.push_back((s + 1) * shape.new_tokens);
    last_row.push_back((s + 1) * shape.new_tokens - 1);
    kv_tokens.push_back(shape.past_tokens + shape.new_tokens);
  }
  std::vector<int> out;
  for (const auto& part : {positions, slots, query_start, last_row, kv_tokens, pages})
    out.insert(out.end(), part.begin(), part.end());
  return out;
}

}  // namespace

StepArrays::StepArrays(const spec::BatchShape& shape, const std::vector<int>& pages, int table_stride,
                       cudaStream_t stream)
    : rows_(shape.tokens()),
      sequences_(shape.sequences),
      table_stride_(table_stride),
      memory_(kernels::cuda::uploaded(std::span<const int>(arrays_of(shape, pages, table_stride)), stream)) {}

}  // namespace ppplan::exec::cuda
