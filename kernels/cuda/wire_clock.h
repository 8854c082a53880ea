// Time on a GPU's own clock, for what is to last at least so long on a stream. Neither has a reference on the host.
// Throw std::runtime_error when a launch is refused.
#pragma once

#include <cuda_runtime_api.h>

namespace ppplan::kernels::cuda {

/// *at = the clock, in nanoseconds, once what stands before it on the stream has ended.
void note_time(unsigned long long* at, cudaStream_t stream);
/// Ends when the clock, which note_time() wrote to *since before, has moved on by `nanoseconds`, and at once where it
/// has. One thread, asleep most of the time; late by a microsecond or two.
void hold_since(const unsigned long long* since, unsigned long long nanoseconds, cudaStream_t stream);

}  // namespace ppplan::kernels::cuda
