// Work of a stream as a CUDA graph.
#pragma once

#include <functional>

#include "kernels/cuda/owners.h"

namespace ppplan::exec::cuda {

/// What `enqueue` puts on `stream`, which then does not run. Throws DeviceError and what `enqueue` throws.
kernels::cuda::GraphExec captured(cudaStream_t stream, const std::function<void()>& enqueue);

}  // namespace ppplan::exec::cuda
