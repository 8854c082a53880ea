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

#include "kernels/host/backward.h"
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
void latent_attention(const Queries& queries, const LatentShape& shape, const LatentCache& cache, const float* key_up,
                      const float* value_up, float* scratch, float* out);
void swiglu(const float* gate_up, int rows, int width, float* out);
void add(const float* a, const float* b, std::size_t count, float* out);
void route(const float* logits, int tokens, int experts, int chosen, int* expert, float* weight);
void gather(const float* x, const int* row, int rows, int hidden, float* out);
void scatter_add(const float* x, const int* row, const float* weight, int rows, int hidden, float* out);

// Attention in both directions goes through blocks: query tokens [begin, end) of the heads that share one KV head, and
// the keys [low, high) that any of them sees. Rows of a block are ordered [head of the group, token], so that one
// product serves the whole group.
struct AttentionBlock {
  int begin, end, low, high;
  int tokens() const { return end - begin; }
  int keys() const { return high - low; }
};
AttentionBlock attention_block(const Queries& queries, int window, int begin);
/// `factor` times the rows of the block out of x [tokens, heads * head_dim] with `stride`, and back.
void pack_heads(const float* x, int stride, float factor, const AttentionShape& shape, int kv_head,
                const AttentionBlock& block, float* packed);
void unpack_heads(const float* packed, float factor, const AttentionShape& shape, int kv_head,
                  const AttentionBlock& block, float* x, int stride);
/// Turns scores into exp(score - max) where the mask allows and 0 elsewhere; sums[row] is what they add up to.
void exponentiate(const Queries& queries, int window, int group, const AttentionBlock& block, float* scores,
                  float* sums);

inline std::size_t offset_of(int row, int stride) {
  return static_cast<std::size_t>(row) * static_cast<std::size_t>(stride);
}

namespace backward {

void linear_input(const float* y_gradient, const float* weight, int rows, int inputs, int outputs, float* x_gradient);
void linear_weight(const float* x, const float* y_gradient, int rows, int inputs, int outputs, float* weight_gradient,
                   float* bias_gradient);
void rms_norm_input(const float* x, const float* gain, float epsilon, const float* y_gradient, int rows, int width,
                    int stride, float* x_gradient);
void rms_norm_gain(const float* x, float epsilon, const float* y_gradient, int rows, int width, int stride,
                   float* gain_gradient);
void rope(float* gradient, const float* cosines, const float* sines, int tokens, int heads, int head_dim, int stride);
void attention(const Queries& queries, const AttentionShape& shape, const KvCache& cache, const float* y_gradient,
               float* scratch, float* query_gradient, const KvCache& cache_gradient);
void load_kv(const KvCache& cache, const AttentionShape& shape, int stride, int tokens, float* keys, float* values);
void swiglu(float* gate_up, float* y_gradient, int rows, int width);
void dot_rows(const float* a, const float* b, int rows, int width, float* out);
void scale_rows(float* x, const float* factor, int rows, int width);
void route(const int* expert, const float* weight, const float* weight_gradient, int tokens, int experts, int chosen,
           float* logit_gradient);
void scatter(const float* x, const int* row, int rows, int hidden, float* out);
void cross_entropy(float* logits, const int* target, int rows, int vocabulary, float scale, float* loss);
void adamw(float* weight, const float* gradient, float* mean, float* square, std::size_t count, const AdamW& options,
           int step);

}  // namespace backward

}  // namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT
