// Work of a stream as CUDA graphs.
#pragma once

#include <functional>
#include <vector>

#include "exec/cuda/tensor_group.h"
#include "kernels/cuda/owners.h"

namespace ppplan::exec::cuda {

/// What `enqueue` puts on `stream`, which then does not run. Throws DeviceError and what `enqueue` throws.
kernels::cuda::GraphExec captured(cudaStream_t stream, const std::function<void()>& enqueue);

/// The same of a rank of a tensor-parallel group: a graph up to each collective, which is called between two graphs.
/// NCCL takes collectives into graphs too, but warns that graphs with several communicators, launched from one thread,
/// can wait for each other, and messages between stages have communicators of their own.
class CapturedParts {
 public:
  CapturedParts() = default;
  /// Without a group all of it is one graph. Throws as captured().
  CapturedParts(cudaStream_t stream, TensorGroup* group, const std::function<void()>& enqueue);
  bool empty() const { return parts_.empty(); }
  /// Enqueues all of it. Throws DeviceError, and what the collectives throw.
  void launch(cudaStream_t stream) const;

 private:
  struct Part {
    kernels::cuda::GraphExec graph;
    TensorGroup::Collective then;  // empty after the last
  };
  std::vector<Part> parts_;
};

}  // namespace ppplan::exec::cuda
