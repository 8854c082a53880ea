// The best that cuBLASLt can do for a product, by trying all that it has: every algorithm that it names, with each of
// its tiles, stages, custom options and swizzles, without and with split-k, as far as cublasLtMatmulAlgoCheck accepts
// them within the workspace; of the fastest of these then every cluster shape. A candidate whose first run takes twice
// the best so far is left at that.
#pragma once

#include <string>

#include "kernels/cuda/linear.h"

namespace ppplan::gpu_tests {

struct SearchedGemm {
  double best_s = 0;  // median of samples, the fastest candidates timed once more in turn
  int accepted = 0;   // candidates that were run
  int refused = 0;    // that cuBLASLt's check did not accept
  std::string best;   // "algorithm 66, tile 20, ...": cuBLASLt's numbers
};

/// Of a shape without bias and addend, bf16 in and out. `arrays` as of Linear::run; waits for the stream. Throws
/// DeviceError, LibraryMissing.
SearchedGemm search_gemm(const kernels::cuda::LinearShape& shape, const kernels::cuda::LinearArrays& arrays,
                         cudaStream_t stream);

}  // namespace ppplan::gpu_tests
