#include "kernels/cuda/linear.h"

#include <cstdint>
#include <string>

namespace ppplan::kernels::cuda {
namespace {

template <typename Handle>
using Destroy = cublasStatus_t (*)(Handle);

/// A description that cuBLASLt made.
template <typename Handle>
class Made {
 public:
  explicit Made(Destroy<Handle> destroy) : destroy_(destroy) {}
  ~Made() {
    if (handle != nullptr) destroy_(handle);
  }
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;
  Handle handle = nullptr;

 private:
  Destroy<Handle> destroy_;
};

cudaDataType_t data_type(OutputType type) { return type == OutputType::bf16 ? CUDA_R_16BF : CUDA_R_32F; }

/// With what 0 stands for.
RowLayout laid_out(const RowLayout& layout, int heads, int width) {
  return {layout.stride > 0 ? layout.stride : heads * width, layout.head > 0 ? layout.head : width};
}

// Rows start on 16-byte boundaries when their width, and what lies between them, allow.
std::uint32_t alignment(const RowLayout& layout, int width) {
  return width % 8 == 0 && layout.stride % 8 == 0 && layout.head % 8 == 0 ? 16 : 2;
}

std::string text_of(const LinearShape& s) {
  return std::to_string(s.rows) + " x " + std::to_string(s.inputs) + " -> " + std::to_string(s.outputs) +
         (s.heads > 1 ? " of " + std::to_string(s.heads) + " heads" : "");
}

}  // namespace

// cuBLASLt counts in columns: row-major [rows, width] is its [width, rows]. So out^T = weight x^T, with `weight` seen
// as [inputs, outputs] and transposed.
struct Linear::Product {
  Product(const BlasCalls& calls, const LinearShape& shape)
      : description(calls.cublasLtMatmulDescDestroy),
        weight(calls.cublasLtMatrixLayoutDestroy),
        x(calls.cublasLtMatrixLayoutDestroy),
        out(calls.cublasLtMatrixLayoutDestroy) {
    const auto outputs = static_cast<std::uint64_t>(shape.outputs), inputs = static_cast<std::uint64_t>(shape.inputs);
    const auto rows = static_cast<std::uint64_t>(shape.rows);
    PPPLAN_CHECK(calls.cublasLtMatmulDescCreate(&description.handle, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    set(calls, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
    if (shape.bias) set(calls, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    if (shape.bias) set(calls, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, CUDA_R_16BF);
    const RowLayout x_rows = laid_out(shape.x, shape.heads, shape.inputs);
    const RowLayout out_rows = laid_out(shape.out, shape.heads, shape.outputs);
    PPPLAN_CHECK(calls.cublasLtMatrixLayoutCreate(&weight.handle, CUDA_R_16BF, inputs, outputs, shape.inputs));
    PPPLAN_CHECK(calls.cublasLtMatrixLayoutCreate(&x.handle, CUDA_R_16BF, inputs, rows, x_rows.stride));
    PPPLAN_CHECK(calls.cublasLtMatrixLayoutCreate(&out.handle, data_type(shape.type), outputs, rows, out_rows.stride));
    if (shape.heads == 1) return;
    repeat(calls, weight.handle, shape.heads, std::int64_t{shape.inputs} * shape.outputs);
    repeat(calls, x.handle, shape.heads, x_rows.head);
    repeat(calls, out.handle, shape.heads, out_rows.head);
  }

  static void repeat(const BlasCalls& calls, cublasLtMatrixLayout_t layout, std::int32_t count, std::int64_t offset) {
    PPPLAN_CHECK(
        calls.cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count));
    PPPLAN_CHECK(calls.cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &offset,
                                                        sizeof offset));
  }

  template <typename Value>
  void set(const BlasCalls& calls, cublasLtMatmulDescAttributes_t attribute, Value value) {
    PPPLAN_CHECK(calls.cublasLtMatmulDescSetAttribute(description.handle, attribute, &value, sizeof value));
  }

  Made<cublasLtMatmulDesc_t> description;
  Made<cublasLtMatrixLayout_t> weight, x, out;
  cublasLtMatmulHeuristicResult_t found = {};
  LinearChoice choice;
};

namespace {

template <typename Value>
void prefer(const BlasCalls& calls, cublasLtMatmulPreference_t preference,
            cublasLtMatmulPreferenceAttributes_t attribute, Value value) {
  PPPLAN_CHECK(calls.cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value));
}

int attribute(const BlasCalls& calls, const cublasLtMatmulAlgo_t& algorithm,
              cublasLtMatmulAlgoConfigAttributes_t which) {
  int value = 0;
  std::size_t written = 0;
  PPPLAN_CHECK(calls.cublasLtMatmulAlgoConfigGetAttribute(&algorithm, which, &value, sizeof value, &written));
  return value;
}

LinearChoice choice_of(const BlasCalls& calls, const LinearShape& shape, const cublasLtMatmulHeuristicResult_t& found) {
  return {shape,
          attribute(calls, found.algo, CUBLASLT_ALGO_CONFIG_ID),
          attribute(calls, found.algo, CUBLASLT_ALGO_CONFIG_TILE_ID),
          attribute(calls, found.algo, CUBLASLT_ALGO_CONFIG_STAGES_ID),
          attribute(calls, found.algo, CUBLASLT_ALGO_CONFIG_SPLITK_NUM),
          found.workspaceSize,
          found.wavesCount};
}

}  // namespace

Linear::Linear(const BlasCalls& calls, std::size_t workspace_bytes) : calls_(calls), workspace_(workspace_bytes) {
  PPPLAN_CHECK(calls_.cublasLtCreate(&handle_));
}

Linear::~Linear() {
  products_.clear();
  calls_.cublasLtDestroy(handle_);
}

std::vector<cublasLtMatmulHeuristicResult_t> Linear::offers(const Product& product, const LinearShape& shape,
                                                            int most) {
  Made<cublasLtMatmulPreference_t> preference(calls_.cublasLtMatmulPreferenceDestroy);
  PPPLAN_CHECK(calls_.cublasLtMatmulPreferenceCreate(&preference.handle));
  prefer(calls_, preference.handle, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{workspace_.size()});
  const std::uint32_t out = alignment(shape.out, shape.outputs);
  prefer(calls_, preference.handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment({}, shape.inputs));
  prefer(calls_, preference.handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(shape.x, shape.inputs));
  prefer(calls_, preference.handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, out);
  prefer(calls_, preference.handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, out);
  std::vector<cublasLtMatmulHeuristicResult_t> found(static_cast<std::size_t>(most));
  int count = 0;
  PPPLAN_CHECK(calls_.cublasLtMatmulAlgoGetHeuristic(handle_, product.description.handle, product.weight.handle,
                                                     product.x.handle, product.out.handle, product.out.handle,
                                                     preference.handle, most, found.data(), &count));
  if (count == 0) throw DeviceError("cuBLASLt has no algorithm for a product of " + text_of(shape));
  found.resize(static_cast<std::size_t>(count));
  return found;
}

Linear::Product& Linear::product(const LinearShape& shape) {
  if (const auto known = products_.find(shape); known != products_.end()) return *known->second;
  auto product = std::make_unique<Product>(calls_, shape);
  if (processors_ > 0)
    product->set(calls_, CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET, static_cast<std::int32_t>(processors_));
  product->found = offers(*product, shape, 1).front();
  product->choice = choice_of(calls_, shape, product->found);
  return *products_.emplace(shape, std::move(product)).first->second;
}

void Linear::enqueue(Product& p, const LinearShape& shape, const LinearArrays& arrays,
                     const cublasLtMatmulAlgo_t& algorithm, cudaStream_t stream) {
  if (shape.bias) p.set(calls_, CUBLASLT_MATMUL_DESC_BIAS_POINTER, arrays.bias);
  const float one = 1.0f, beta = shape.addend ? 1.0f : 0.0f;
  const void* addend = shape.addend ? arrays.addend : arrays.out;
  PPPLAN_CHECK(calls_.cublasLtMatmul(handle_, p.description.handle, &one, arrays.weight, p.weight.handle, arrays.x,
                                     p.x.handle, &beta, addend, p.out.handle, arrays.out, p.out.handle, &algorithm,
                                     workspace_.data(), workspace_.size(), stream));
}

void Linear::run(const LinearShape& shape, const LinearArrays& arrays, cudaStream_t stream) {
  if (shape.rows == 0) return;
  Product& p = product(shape);
  enqueue(p, shape, arrays, p.found.algo, stream);
}

std::vector<double> Linear::offered_seconds(const LinearShape& shape, const LinearArrays& arrays, int most,
                                            cudaStream_t stream) {
  constexpr int kRuns = 10;
  Product& p = product(shape);
  const Event begin = make_event(), end = make_event();
  std::vector<double> seconds;
  for (const cublasLtMatmulHeuristicResult_t& offer : offers(p, shape, most)) {
    enqueue(p, shape, arrays, offer.algo, stream);
    PPPLAN_CHECK(cudaEventRecord(begin, stream));
    for (int run = 0; run < kRuns; ++run) enqueue(p, shape, arrays, offer.algo, stream);
    PPPLAN_CHECK(cudaEventRecord(end, stream));
    PPPLAN_CHECK(cudaStreamSynchronize(stream));
    float milliseconds = 0;
    PPPLAN_CHECK(cudaEventElapsedTime(&milliseconds, begin, end));
    seconds.push_back(1e-3 * static_cast<double>(milliseconds) / kRuns);
  }
  return seconds;
}

std::vector<LinearChoice> Linear::choices() const {
  std::vector<LinearChoice> out;
  for (const auto& [shape, product] : products_) out.push_back(product->choice);
  return out;
}

}  // namespace ppplan::kernels::cuda
