#include "kernels/cuda/blas_library.h"

namespace ppplan::kernels::cuda {

SharedLibrary blas_shared_library() {
  const std::string major = std::to_string(CUBLAS_VER_MAJOR), name = "libcublasLt.so." + major;
  return SharedLibrary(
      {"cuBLASLt", "PPPLAN_CUBLASLT", {name, "/usr/local/cuda/lib64/" + name}, "cuBLAS of CUDA " + major});
}

namespace {

BlasCalls load() {
  const SharedLibrary library = blas_shared_library();
  BlasCalls calls;
  library.find("cublasLtCreate", calls.cublasLtCreate);
  library.find("cublasLtDestroy", calls.cublasLtDestroy);
  library.find("cublasLtMatmul", calls.cublasLtMatmul);
  library.find("cublasLtMatmulDescCreate", calls.cublasLtMatmulDescCreate);
  library.find("cublasLtMatmulDescDestroy", calls.cublasLtMatmulDescDestroy);
  library.find("cublasLtMatmulDescSetAttribute", calls.cublasLtMatmulDescSetAttribute);
  library.find("cublasLtMatrixLayoutCreate", calls.cublasLtMatrixLayoutCreate);
  library.find("cublasLtMatrixLayoutDestroy", calls.cublasLtMatrixLayoutDestroy);
  library.find("cublasLtMatrixLayoutSetAttribute", calls.cublasLtMatrixLayoutSetAttribute);
  library.find("cublasLtMatmulPreferenceCreate", calls.cublasLtMatmulPreferenceCreate);
  library.find("cublasLtMatmulPreferenceDestroy", calls.cublasLtMatmulPreferenceDestroy);
  library.find("cublasLtMatmulPreferenceSetAttribute", calls.cublasLtMatmulPreferenceSetAttribute);
  library.find("cublasLtMatmulAlgoGetHeuristic", calls.cublasLtMatmulAlgoGetHeuristic);
  library.find("cublasLtMatmulAlgoConfigGetAttribute", calls.cublasLtMatmulAlgoConfigGetAttribute);
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
