// First include of every file that is compiled once per instruction set. Such a file puts its functions into
// ppplan::kernels::host::PPPLAN_KERNEL_VARIANT, and Eigen's namespace is renamed alike: templates of one name compiled
// with two sets of flags would otherwise be merged by the linker, and a binary could meet AVX2 code on a CPU without
// it. For the same reason these files use no containers and no algorithms of the standard library.
#pragma once

#if !defined(PPPLAN_KERNEL_VARIANT) || !defined(PPPLAN_KERNEL_EIGEN)
#error "compiled only through the variants in kernels/host/CMakeLists.txt"
#endif

#define Eigen PPPLAN_KERNEL_EIGEN
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>

#include "kernels/host/operations.h"

namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT {

template <typename Scalar>
using RowMajor = ::Eigen::Matrix<Scalar, ::Eigen::Dynamic, ::Eigen::Dynamic, ::Eigen::RowMajor>;
using Matrix = ::Eigen::Map<RowMajor<float>>;
using ConstMatrix = ::Eigen::Map<const RowMajor<float>>;
using Vector = ::Eigen::Map<::Eigen::ArrayXf>;
using ConstVector = ::Eigen::Map<const ::Eigen::ArrayXf>;

void embed(const int* tokens, const float* table, int rows, int hidden, float* out);
void rms_norm(const float* x, const float* gain, float epsilon, int rows, int width, int stride, float* out);
void linear(const float* x, const float* weight, const float* bias, int rows, int inputs, int outputs, float* out);
void rope(float* x, const float* cosines, const float* sines, int tokens, int heads, int head_dim, int stride);
void store_kv(const float* keys, const float* values, int stride, int tokens, int past, const AttentionShape& shape,
              const KvCache& cache);
void attention(const Queries& queries, const AttentionShape& shape, const KvCache& cache, float* scratch, float* out);
void swiglu(const float* gate_up, int rows, int width, float* out);
void add(const float* a, const float* b, std::size_t count, float* out);
void route(const float* logits, int tokens, int experts, int chosen, int* expert, float* weight);
void gather(const float* x, const int* row, int rows, int hidden, float* out);
void scatter_add(const float* x, const int* row, const float* weight, int rows, int hidden, float* out);

}  // namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT
