#include "kernels/cuda/blas_library.h"

#include "kernels/cuda/shared_library.h"

namespace ppplan::kernels::cuda {
namespace {

BlasCalls load() {
  const std::string name = "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR);
  const SharedLibrary library({"cuBLASLt",
                               "PPPLAN_CUBLASLT",
                               {name, "/usr/local/cuda/lib64/" + name},
                               "cuBLAS of CUDA " + std::to_string(CUBLAS_VER_MAJOR)});
  BlasCalls calls;
  library.find("cublasLtCreate", calls.create);
  library.find("cublasLtDestroy", calls.destroy);
  library.find("cublasLtMatmul", calls.matmul);
  library.find("cublasLtMatmulDescCreate", calls.description_create);
  library.find("cublasLtMatmulDescDestroy", calls.description_destroy);
  library.find("cublasLtMatmulDescSetAttribute", calls.description_set);
  library.find("cublasLtMatrixLayoutCreate", calls.layout_create);
  library.find("cublasLtMatrixLayoutDestroy", calls.layout_destroy);
  library.find("cublasLtMatmulPreferenceCreate", calls.preference_create);
  library.find("cublasLtMatmulPreferenceDestroy", calls.preference_destroy);
  library.find("cublasLtMatmulPreferenceSetAttribute", calls.preference_set);
  library.find("cublasLtMatmulAlgoGetHeuristic", calls.heuristic);
  library.find("cublasLtMatmulAlgoConfigGetAttribute", calls.algorithm_get);
  decltype(&cublasLtGetVersion) version = nullptr;
  library.find("cublasLtGetVersion", version);
  calls.version = version();
  return calls;
}

}  // namespace

const BlasCalls& blas_library() {
  static const BlasCalls calls = load();
  return calls;
}

}  // namespace ppplan::kernels::cuda
