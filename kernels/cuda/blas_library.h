// The calls of cuBLASLt that the GEMMs use, as a table: loaded from the machine's library at run time (541 MB that no
// package of ours brings along), or a double's in the tests.
#pragma once

#include <cublasLt.h>

#include <string>

namespace ppplan::kernels::cuda {

struct BlasCalls {
  decltype(&cublasLtCreate) create = nullptr;
  decltype(&cublasLtDestroy) destroy = nullptr;
  decltype(&cublasLtMatmul) matmul = nullptr;
  decltype(&cublasLtMatmulDescCreate) description_create = nullptr;
  decltype(&cublasLtMatmulDescDestroy) description_destroy = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) description_set = nullptr;
  decltype(&cublasLtMatrixLayoutCreate) layout_create = nullptr;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy = nullptr;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create = nullptr;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;
  decltype(&cublasLtMatmulAlgoConfigGetAttribute) algorithm_get = nullptr;
  std::size_t version = 0;  // of the library: 130102 is 13.1.2
};

/// Of this machine, loaded once a process. Throws LibraryMissing.
const BlasCalls& blas_library();

}  // namespace ppplan::kernels::cuda
