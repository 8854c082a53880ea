// What the kernels need to know of a micro-batch besides its tokens, in a GPU's memory: all of it follows from the
// plan, so that a stage's compute reads nothing from the host.
#pragma once

#include <vector>

#include "exec/cuda/paged_caches.h"
#include "exec/micro_batches.h"

namespace ppplan::exec::cuda {

/// Rows are ordered [sequence, token].
class StepArrays {
 public:
  /// `pages` [sequences, table_stride] are those of the chain.
  StepArrays(const spec::BatchShape& shape, const std::vector<int>& pages, int table_stride, cudaStream_t stream);

  const int* position() const { return at(0); }                           // [rows]
  const int* slot() const { return at(rows_); }                           // [rows]
  const int* query_start() const { return at(2 * rows_); }                // [sequences + 1]
  const int* last_row() const { return at(2 * rows_ + sequences_ + 1); }  // [sequences]: of its newest token
  kernels::cuda::PagedBatch paged() const {
    const int* kv_tokens = at(2 * rows_ + 2 * sequences_ + 1);
    return {sequences_, kv_tokens, kv_tokens + sequences_, table_stride_};
  }

 private:
  const int* at(int offset) const { return memory_.data() + offset; }
  int rows_;
  int sequences_;
  int table_stride_;
  DeviceArray<int> memory_;
};

}  // namespace ppplan::exec::cuda
