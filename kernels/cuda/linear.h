// Matrix products of a layer by cuBLASLt: bf16 in memory, sums in fp32.
#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "kernels/cuda/blas_library.h"
#include "kernels/cuda/operations.h"
#include "kernels/cuda/owners.h"

namespace ppplan::kernels::cuda {

enum class OutputType { bf16, fp32 };

/// Where values of a row lie that are more than a matrix's own, in elements: rows `stride` apart, of each row the
/// heads' parts `head` apart. 0: side by side, with nothing between.
struct RowLayout {
  int stride = 0;
  int head = 0;
  auto operator<=>(const RowLayout&) const = default;
};

/// out [rows, outputs] = addend + x [rows, inputs] * weight^T + bias, weight [outputs, inputs]. Of `heads` > 1 as many
/// products at once: x [rows, heads, inputs], weight [heads, outputs, inputs], out [rows, heads, outputs], no bias.
struct LinearShape {
  int rows = 0;
  int inputs = 0;
  int outputs = 0;
  bool bias = false;
  bool addend = false;
  OutputType type = OutputType::bf16;
  int heads = 1;
  RowLayout x = {};
  RowLayout out = {};  // of the addend too
  auto operator<=>(const LinearShape&) const = default;
};

/// What cuBLASLt's heuristic proposed first for a shape, and what every run of the shape uses.
struct LinearChoice {
  LinearShape shape;
  int algorithm = 0;
  int tile = 0;    // cublasLtMatmulTile_t
  int stages = 0;  // cublasLtMatmulStages_t
  int split_k = 1;
  std::size_t workspace_bytes = 0;
  float waves = 0;  // of the device
};

/// Arrays of a product, in device memory on 16-byte boundaries. bias [outputs] and addend [rows, outputs] where the
/// shape has them; addend may be out. out is Bf16 or float, as the shape says.
struct LinearArrays {
  const Bf16* x = nullptr;
  const Bf16* weight = nullptr;
  const Bf16* bias = nullptr;
  const void* addend = nullptr;
  void* out = nullptr;
};

/// The products of one stream of the device that is current when it is made. Not for use by two threads or streams at
/// once: they share a workspace.
class Linear {
 public:
  static constexpr std::size_t kWorkspaceBytes = 32u << 20;  // NVIDIA's recommendation for compute capability 9.0

  /// `calls` outlives it. Throws DeviceError, as all of it.
  explicit Linear(const BlasCalls& calls, std::size_t workspace_bytes = kWorkspaceBytes);
  ~Linear();
  /// Products whose algorithm is not chosen yet will be for that many multiprocessors of the GPU: a slice of it.
  void limit_processors(int processors) { processors_ = processors; }
  /// Enqueues. A shape's first run chooses its algorithm, which a stream must not be capturing for. Nothing for no
  /// rows.
  void run(const LinearShape& shape, const LinearArrays& arrays, cudaStream_t stream);
  /// Seconds of a run with each of up to `most` algorithms that cuBLASLt's heuristic offers, in its order: what its
  /// first, which run() takes, gives away. Means over some runs on warm memory; waits for the stream.
  std::vector<double> offered_seconds(const LinearShape& shape, const LinearArrays& arrays, int most,
                                      cudaStream_t stream);
  /// Of every shape so far.
  std::vector<LinearChoice> choices() const;

 private:
  struct Product;
  Product& product(const LinearShape& shape);
  std::vector<cublasLtMatmulHeuristicResult_t> offers(const Product& product, const LinearShape& shape, int most);
  void enqueue(Product& product, const LinearShape& shape, const LinearArrays& arrays,
               const cublasLtMatmulAlgo_t& algorithm, cudaStream_t stream);

  const BlasCalls& calls_;
  cublasLtHandle_t handle_ = nullptr;
  int processors_ = 0;  // 0 = all
  DeviceArray<unsigned char> workspace_;
  std::map<LinearShape, std::unique_ptr<Product>> products_;
};

}  // namespace ppplan::kernels::cuda
