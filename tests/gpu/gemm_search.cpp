#include "tests/gpu/gemm_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "kernels/cuda/blas_library.h"

namespace ppplan::gpu_tests {
namespace {

using namespace kernels::cuda;

/// What the search calls beside BlasCalls.
struct SearchCalls {
  decltype(&::cublasLtMatmulAlgoGetIds) cublasLtMatmulAlgoGetIds = nullptr;
  decltype(&::cublasLtMatmulAlgoInit) cublasLtMatmulAlgoInit = nullptr;
  decltype(&::cublasLtMatmulAlgoCheck) cublasLtMatmulAlgoCheck = nullptr;
  decltype(&::cublasLtMatmulAlgoCapGetAttribute) cublasLtMatmulAlgoCapGetAttribute = nullptr;
  decltype(&::cublasLtMatmulAlgoConfigSetAttribute) cublasLtMatmulAlgoConfigSetAttribute = nullptr;
};

SearchCalls search_calls() {
  const SharedLibrary library = blas_shared_library();
  SearchCalls calls;
  library.find("cublasLtMatmulAlgoGetIds", calls.cublasLtMatmulAlgoGetIds);
  library.find("cublasLtMatmulAlgoInit", calls.cublasLtMatmulAlgoInit);
  library.find("cublasLtMatmulAlgoCheck", calls.cublasLtMatmulAlgoCheck);
  library.find("cublasLtMatmulAlgoCapGetAttribute", calls.cublasLtMatmulAlgoCapGetAttribute);
  library.find("cublasLtMatmulAlgoConfigSetAttribute", calls.cublasLtMatmulAlgoConfigSetAttribute);
  return calls;
}

struct Candidate {
  cublasLtMatmulAlgo_t algorithm = {};
  double seconds = 0;
};

class Search {
 public:
  Search(const LinearShape& shape, const LinearArrays& arrays, cudaStream_t stream)
      : arrays_(arrays), stream_(stream), workspace_(Linear::kWorkspaceBytes) {
    const auto outputs = static_cast<std::uint64_t>(shape.outputs), inputs = static_cast<std::uint64_t>(shape.inputs);
    PPPLAN_CHECK(calls_.cublasLtCreate(&handle_));
    PPPLAN_CHECK(calls_.cublasLtMatmulDescCreate(&product_, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    const cublasOperation_t transposed = CUBLAS_OP_T;
    PPPLAN_CHECK(
        calls_.cublasLtMatmulDescSetAttribute(product_, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed));
    PPPLAN_CHECK(calls_.cublasLtMatrixLayoutCreate(&weight_, CUDA_R_16BF, inputs, outputs, shape.inputs));
    PPPLAN_CHECK(calls_.cublasLtMatrixLayoutCreate(&x_, CUDA_R_16BF, inputs, static_cast<std::uint64_t>(shape.rows),
                                                   shape.inputs));
    PPPLAN_CHECK(calls_.cublasLtMatrixLayoutCreate(&out_, CUDA_R_16BF, outputs, static_cast<std::uint64_t>(shape.rows),
                                                   shape.outputs));
  }
  ~Search() {
    for (const cublasLtMatrixLayout_t layout : {weight_, x_, out_}) calls_.cublasLtMatrixLayoutDestroy(layout);
    calls_.cublasLtMatmulDescDestroy(product_);
    calls_.cublasLtDestroy(handle_);
  }
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;

  SearchedGemm found() {
    for (const int id : algorithms()) try_algorithm(id);
    keep_fastest();
    for (const Candidate& one : std::vector<Candidate>(fastest_)) try_clusters(one);
    keep_fastest();
    for (Candidate& one : fastest_) one.seconds = median_s(one.algorithm);
    keep_fastest();
    if (fastest_.empty()) throw DeviceError("cuBLASLt accepts no algorithm");
    out_of_search_.best_s = fastest_.front().seconds;
    out_of_search_.best = words(fastest_.front().algorithm);
    return out_of_search_;
  }

 private:
  static constexpr std::size_t kFastest = 8;

  std::vector<int> algorithms() const {
    std::vector<int> ids(1024);
    int count = 0;
    PPPLAN_CHECK(search_.cublasLtMatmulAlgoGetIds(handle_, CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_16BF, CUDA_R_16BF,
                                                  CUDA_R_16BF, CUDA_R_16BF, static_cast<int>(ids.size()), ids.data(),
                                                  &count));
    ids.resize(static_cast<std::size_t>(count));
    return ids;
  }

  /// One number that an algorithm states of itself.
  std::uint32_t able(const cublasLtMatmulAlgo_t& algorithm, cublasLtMatmulAlgoCapAttributes_t which) const {
    std::uint32_t value = 0;
    std::size_t written = 0;
    PPPLAN_CHECK(search_.cublasLtMatmulAlgoCapGetAttribute(&algorithm, which, &value, sizeof value, &written));
    return value;
  }

  /// A list of them; the number for "undefined", which is 0, where it has none.
  std::vector<std::uint32_t> listed(const cublasLtMatmulAlgo_t& algorithm,
                                    cublasLtMatmulAlgoCapAttributes_t which) const {
    std::size_t bytes = 0;
    PPPLAN_CHECK(search_.cublasLtMatmulAlgoCapGetAttribute(&algorithm, which, nullptr, 0, &bytes));
    std::vector<std::uint32_t> values(bytes / sizeof(std::uint32_t));
    if (values.empty()) return {0};
    PPPLAN_CHECK(search_.cublasLtMatmulAlgoCapGetAttribute(&algorithm, which, values.data(), bytes, &bytes));
    return values;
  }

  template <typename Value>
  void set(cublasLtMatmulAlgo_t& algorithm, cublasLtMatmulAlgoConfigAttributes_t which, Value value) const {
    PPPLAN_CHECK(search_.cublasLtMatmulAlgoConfigSetAttribute(&algorithm, which, &value, sizeof value));
  }

  void try_algorithm(int id) {
    cublasLtMatmulAlgo_t algorithm;
    if (search_.cublasLtMatmulAlgoInit(handle_, CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_16BF, CUDA_R_16BF, CUDA_R_16BF,
                                       CUDA_R_16BF, id, &algorithm) != CUBLAS_STATUS_SUCCESS)
      return;
    const std::uint32_t options = able(algorithm, CUBLASLT_ALGO_CAP_CUSTOM_OPTION_MAX);
    const std::uint32_t swizzles = able(algorithm, CUBLASLT_ALGO_CAP_CTA_SWIZZLING_SUPPORT) != 0 ? 1 : 0;
    for (const std::uint32_t tile : listed(algorithm, CUBLASLT_ALGO_CAP_TILE_IDS))
      for (const std::uint32_t stages : listed(algorithm, CUBLASLT_ALGO_CAP_STAGES_IDS))
        for (std::uint32_t option = 0; option <= options; ++option)
          for (std::uint32_t swizzle = 0; swizzle <= swizzles; ++swizzle) {
            set(algorithm, CUBLASLT_ALGO_CONFIG_TILE_ID, tile);
            set(algorithm, CUBLASLT_ALGO_CONFIG_STAGES_ID, stages);
            set(algorithm, CUBLASLT_ALGO_CONFIG_CUSTOM_OPTION, option);
            set(algorithm, CUBLASLT_ALGO_CONFIG_CTA_SWIZZLING, swizzle);
            try_splits(algorithm);
          }
  }

  void try_splits(cublasLtMatmulAlgo_t algorithm) {
    set(algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, std::int32_t{1});
    set(algorithm, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, std::uint32_t{CUBLASLT_REDUCTION_SCHEME_NONE});
    try_one(algorithm);
    if (able(algorithm, CUBLASLT_ALGO_CAP_SPLITK_SUPPORT) == 0) return;
    const std::uint32_t schemes = able(algorithm, CUBLASLT_ALGO_CAP_REDUCTION_SCHEME_MASK);
    for (const std::int32_t parts : {2, 3, 4, 5, 6, 8, 12, 16, 32})
      for (std::uint32_t scheme = 1; scheme < CUBLASLT_REDUCTION_SCHEME_MASK; scheme *= 2) {
        if ((schemes & scheme) == 0) continue;
        set(algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, parts);
        set(algorithm, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, scheme);
        try_one(algorithm);
      }
  }

  void try_clusters(const Candidate& from) {
    for (std::uint16_t cluster = CUBLASLT_CLUSTER_SHAPE_AUTO + 1; cluster < CUBLASLT_CLUSTER_SHAPE_END; ++cluster) {
      cublasLtMatmulAlgo_t algorithm = from.algorithm;
      if (search_.cublasLtMatmulAlgoConfigSetAttribute(&algorithm, CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID, &cluster,
                                                       sizeof cluster) == CUBLAS_STATUS_SUCCESS)
        try_one(algorithm);
    }
  }

  void try_one(const cublasLtMatmulAlgo_t& algorithm) {
    cublasLtMatmulHeuristicResult_t result = {};
    const bool accepted = search_.cublasLtMatmulAlgoCheck(handle_, product_, weight_, x_, out_, out_, &algorithm,
                                                          &result) == CUBLAS_STATUS_SUCCESS &&
                          result.workspaceSize <= workspace_.size() && enqueue(algorithm);
    ++(accepted ? out_of_search_.accepted : out_of_search_.refused);
    if (!accepted) return;
    double run_s = seconds_of(algorithm, 1);
    if (run_s < 2 * best_s_) run_s = seconds_of(algorithm, 5);
    best_s_ = std::min(best_s_, run_s);
    fastest_.push_back({algorithm, run_s});
    if (fastest_.size() > 16 * kFastest) keep_fastest();
  }

  void keep_fastest() {
    std::stable_sort(fastest_.begin(), fastest_.end(),
                     [](const Candidate& a, const Candidate& b) { return a.seconds < b.seconds; });
    if (fastest_.size() > kFastest) fastest_.resize(kFastest);
  }

  /// False where cuBLASLt refuses what its check accepted.
  bool enqueue(const cublasLtMatmulAlgo_t& algorithm) {
    const float one = 1, zero = 0;
    return calls_.cublasLtMatmul(handle_, product_, &one, arrays_.weight, weight_, arrays_.x, x_, &zero, arrays_.out,
                                 out_, arrays_.out, out_, &algorithm, workspace_.data(), workspace_.size(),
                                 stream_) == CUBLAS_STATUS_SUCCESS;
  }

  /// Mean of some runs on warm memory, as Linear::offered_seconds.
  double seconds_of(const cublasLtMatmulAlgo_t& algorithm, int runs) {
    PPPLAN_CHECK(cudaEventRecord(begin_, stream_));
    for (int run = 0; run < runs; ++run) enqueue(algorithm);
    PPPLAN_CHECK(cudaEventRecord(end_, stream_));
    PPPLAN_CHECK(cudaStreamSynchronize(stream_));
    float milliseconds = 0;
    PPPLAN_CHECK(cudaEventElapsedTime(&milliseconds, begin_, end_));
    return 1e-3 * static_cast<double>(milliseconds) / runs;
  }

  double median_s(const cublasLtMatmulAlgo_t& algorithm) {
    std::vector<double> samples(11);
    for (double& sample : samples) sample = seconds_of(algorithm, 10);
    std::nth_element(samples.begin(), samples.begin() + 5, samples.end());
    return samples[5];
  }

  std::string words(const cublasLtMatmulAlgo_t& algorithm) const {
    const auto number = [&](cublasLtMatmulAlgoConfigAttributes_t which) {
      int value = 0;
      std::size_t written = 0;
      PPPLAN_CHECK(calls_.cublasLtMatmulAlgoConfigGetAttribute(&algorithm, which, &value, sizeof value, &written));
      return value;
    };
    return fmt::format("algorithm {}, tile {}, stages {}, split-k {}", number(CUBLASLT_ALGO_CONFIG_ID),
                       number(CUBLASLT_ALGO_CONFIG_TILE_ID), number(CUBLASLT_ALGO_CONFIG_STAGES_ID),
                       number(CUBLASLT_ALGO_CONFIG_SPLITK_NUM));
  }

  const BlasCalls& calls_ = blas_library();
  const SearchCalls search_ = search_calls();
  LinearArrays arrays_;
  cudaStream_t stream_;
  DeviceArray<unsigned char> workspace_;
  cublasLtHandle_t handle_ = nullptr;
  cublasLtMatmulDesc_t product_ = nullptr;
  cublasLtMatrixLayout_t weight_ = nullptr, x_ = nullptr, out_ = nullptr;
  Event begin_ = make_event(), end_ = make_event();
  std::vector<Candidate> fastest_;
  double best_s_ = std::numeric_limits<double>::max() / 4;
  SearchedGemm out_of_search_;
};

}  // namespace

SearchedGemm search_gemm(const LinearShape& shape, const LinearArrays& arrays, cudaStream_t stream) {
  return Search(shape, arrays, stream).found();
}

}  // namespace ppplan::gpu_tests
