#include "tests/cuda_on_cpu/blas.h"

#include <cuda_bf16.h>

#include <cstring>
#include <map>
#include <vector>

#include "tests/cuda_on_cpu/runtime.h"

namespace ppplan::cuda_on_cpu {
namespace {

struct Layout {
  cudaDataType type;
  std::uint64_t rows, columns;
  std::int64_t stride;
  std::int32_t count = 1;   // of matrices,
  std::int64_t offset = 0;  // so far apart
  std::size_t at(std::uint64_t row, std::uint64_t column) const {
    return row + column * static_cast<std::uint64_t>(stride);
  }
};

struct Description {
  cublasComputeType_t compute;
  std::map<int, std::vector<unsigned char>> attributes;
  template <typename Value>
  Value get(cublasLtMatmulDescAttributes_t which, Value otherwise) const {
    const auto found = attributes.find(which);
    if (found == attributes.end()) return otherwise;
    std::memcpy(&otherwise, found->second.data(), sizeof otherwise);
    return otherwise;
  }
};

/// What an algorithm of the double says of itself: its number.
constexpr int kAlgorithm = 7;

template <typename Body>
cublasStatus_t call(const char* name, Body body) {
  const int error = enter(name);
  return error != 0 ? static_cast<cublasStatus_t>(error) : body();
}

float value(const void* array, cudaDataType type, std::size_t at) {
  return type == CUDA_R_16BF ? __bfloat162float(static_cast<const __nv_bfloat16*>(array)[at])
                             : static_cast<const float*>(array)[at];
}
void store(void* array, cudaDataType type, std::size_t at, float value) {
  if (type == CUDA_R_16BF)
    static_cast<__nv_bfloat16*>(array)[at] = __float2bfloat16_rn(value);
  else
    static_cast<float*>(array)[at] = value;
}

/// d [m, n] = a^T b + beta c + bias of each row, in columns, a [k, m] and b [k, n].
struct Product {
  Layout a_layout, b_layout, d_layout;
  const void *a, *b, *c;
  void* d;
  float beta;
  const void* bias;

  void run() const {
    for (int matrix = 0; matrix < d_layout.count; ++matrix) run(static_cast<std::size_t>(matrix));
  }
  void run(std::size_t matrix) const {
    const std::size_t a_first = matrix * static_cast<std::size_t>(a_layout.offset);
    const std::size_t b_first = matrix * static_cast<std::size_t>(b_layout.offset);
    const std::size_t d_first = matrix * static_cast<std::size_t>(d_layout.offset);
    std::vector<float> left(a_layout.rows), right(b_layout.rows * b_layout.columns);
    for (std::uint64_t j = 0; j < b_layout.columns; ++j)
      for (std::uint64_t p = 0; p < b_layout.rows; ++p)
        right[p + j * b_layout.rows] = value(b, b_layout.type, b_first + b_layout.at(p, j));
    for (std::uint64_t i = 0; i < a_layout.columns; ++i) {
      for (std::uint64_t p = 0; p < a_layout.rows; ++p) left[p] = value(a, a_layout.type, a_first + a_layout.at(p, i));
      for (std::uint64_t j = 0; j < b_layout.columns; ++j)
        finish(i, d_first + d_layout.at(i, j), dot(left, right.data() + j * b_layout.rows));
    }
  }
  static float dot(const std::vector<float>& left, const float* right) {
    float sum = 0;
    for (std::size_t p = 0; p < left.size(); ++p) sum += left[p] * right[p];
    return sum;
  }
  void finish(std::uint64_t i, std::size_t at, float sum) const {
    if (beta != 0) sum += beta * value(c, d_layout.type, at);
    if (bias != nullptr) sum += value(bias, CUDA_R_16BF, i);
    store(d, d_layout.type, at, sum);
  }
};

cublasStatus_t create(cublasLtHandle_t* handle) {
  return call("cublasLtCreate", [&] {
    *handle = reinterpret_cast<cublasLtHandle_t>(new int);
    return CUBLAS_STATUS_SUCCESS;
  });
}
cublasStatus_t destroy(cublasLtHandle_t handle) {
  delete reinterpret_cast<int*>(handle);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t description_create(cublasLtMatmulDesc_t* out, cublasComputeType_t compute, cudaDataType_t) {
  return call("cublasLtMatmulDescCreate", [&] {
    *out = reinterpret_cast<cublasLtMatmulDesc_t>(new Description{compute, {}});
    return CUBLAS_STATUS_SUCCESS;
  });
}
cublasStatus_t description_destroy(cublasLtMatmulDesc_t description) {
  delete reinterpret_cast<Description*>(description);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t description_set(cublasLtMatmulDesc_t description, cublasLtMatmulDescAttributes_t which, const void* data,
                               size_t bytes) {
  return call("cublasLtMatmulDescSetAttribute", [&] {
    const auto* from = static_cast<const unsigned char*>(data);
    reinterpret_cast<Description*>(description)->attributes[which].assign(from, from + bytes);
    return CUBLAS_STATUS_SUCCESS;
  });
}
cublasStatus_t layout_create(cublasLtMatrixLayout_t* out, cudaDataType type, std::uint64_t rows, std::uint64_t columns,
                             std::int64_t stride) {
  return call("cublasLtMatrixLayoutCreate", [&] {
    *out = reinterpret_cast<cublasLtMatrixLayout_t>(
        new Layout{.type = type, .rows = rows, .columns = columns, .stride = stride});
    return CUBLAS_STATUS_SUCCESS;
  });
}
cublasStatus_t layout_destroy(cublasLtMatrixLayout_t layout) {
  delete reinterpret_cast<Layout*>(layout);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t layout_set(cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t which, const void* data,
                          size_t bytes) {
  return call("cublasLtMatrixLayoutSetAttribute", [&] {
    auto& to = *reinterpret_cast<Layout*>(layout);
    if (which == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT && bytes == sizeof to.count)
      std::memcpy(&to.count, data, bytes);
    else if (which == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET && bytes == sizeof to.offset)
      std::memcpy(&to.offset, data, bytes);
    else
      return CUBLAS_STATUS_INVALID_VALUE;
    return CUBLAS_STATUS_SUCCESS;
  });
}
cublasStatus_t preference_create(cublasLtMatmulPreference_t* out) {
  return call("cublasLtMatmulPreferenceCreate", [&] {
    *out = reinterpret_cast<cublasLtMatmulPreference_t>(new int);
    return CUBLAS_STATUS_SUCCESS;
  });
}
cublasStatus_t preference_destroy(cublasLtMatmulPreference_t preference) {
  delete reinterpret_cast<int*>(preference);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t preference_set(cublasLtMatmulPreference_t, cublasLtMatmulPreferenceAttributes_t, const void*, size_t) {
  return call("cublasLtMatmulPreferenceSetAttribute", [] { return CUBLAS_STATUS_SUCCESS; });
}
// Its waves are the multiprocessors that it was told of.
cublasStatus_t heuristic(cublasLtHandle_t, cublasLtMatmulDesc_t description, cublasLtMatrixLayout_t,
                         cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                         cublasLtMatmulPreference_t, int, cublasLtMatmulHeuristicResult_t* found, int* count) {
  return call("cublasLtMatmulAlgoGetHeuristic", [&] {
    if (any_capture()) return CUBLAS_STATUS_INTERNAL_ERROR;
    *found = {};
    const auto& how = *reinterpret_cast<Description*>(description);
    found->wavesCount = static_cast<float>(how.get<std::int32_t>(CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET, 0));
    *count = 1;
    return CUBLAS_STATUS_SUCCESS;
  });
}
cublasStatus_t algorithm_get(const cublasLtMatmulAlgo_t*, cublasLtMatmulAlgoConfigAttributes_t which, void* data,
                             size_t, size_t* written) {
  const int value = which == CUBLASLT_ALGO_CONFIG_ID ? kAlgorithm : 1;
  std::memcpy(data, &value, sizeof value);
  *written = sizeof value;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t matmul(cublasLtHandle_t, cublasLtMatmulDesc_t description, const void*, const void* a,
                      cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout, const void* beta,
                      const void* c, cublasLtMatrixLayout_t c_layout, void* d, cublasLtMatrixLayout_t d_layout,
                      const cublasLtMatmulAlgo_t*, void*, size_t, cudaStream_t stream) {
  return call("cublasLtMatmul", [&] {
    const auto& how = *reinterpret_cast<Description*>(description);
    if (has_failed()) return CUBLAS_STATUS_EXECUTION_FAILED;
    if (device_of(stream) != current_device()) return CUBLAS_STATUS_INVALID_VALUE;
    if (how.get(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_N) != CUBLAS_OP_T) return CUBLAS_STATUS_NOT_SUPPORTED;
    const std::int32_t count = reinterpret_cast<Layout*>(d_layout)->count;
    for (const auto layout : {a_layout, b_layout, c_layout})
      if (reinterpret_cast<Layout*>(layout)->count != count) return CUBLAS_STATUS_INVALID_VALUE;
    const bool bias = how.get(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_DEFAULT) == CUBLASLT_EPILOGUE_BIAS;
    const Product product{*reinterpret_cast<Layout*>(a_layout),
                          *reinterpret_cast<Layout*>(b_layout),
                          *reinterpret_cast<Layout*>(d_layout),
                          a,
                          b,
                          c,
                          d,
                          *static_cast<const float*>(beta),
                          bias ? how.get<const void*>(CUBLASLT_MATMUL_DESC_BIAS_POINTER, nullptr) : nullptr};
    const int error = enqueue(stream, [product] { product.run(); });
    return error == 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
  });
}

}  // namespace

const kernels::cuda::BlasCalls& blas_calls() {
  static const kernels::cuda::BlasCalls calls{
      create,        destroy,        matmul,     description_create, description_destroy, description_set,
      layout_create, layout_destroy, layout_set, preference_create,  preference_destroy,  preference_set,
      heuristic,     algorithm_get,  130000};
  return calls;
}

}  // namespace ppplan::cuda_on_cpu
