// A double of the cuBLASLt calls that the products use: bf16 in, sums in fp32, on the streams of runtime.h. Errors are
// injected by the names of the calls (runtime.h).
#pragma once

#include "kernels/cuda/blas_library.h"

namespace ppplan::cuda_on_cpu {

/// Heuristics fail while any stream captures, as some releases of cuBLASLt do.
const kernels::cuda::BlasCalls& blas_calls();

}  // namespace ppplan::cuda_on_cpu
