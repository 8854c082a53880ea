#include <cmath>

#include "kernels/host/variant.h"

namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT {

namespace {

using Rows = ::Eigen::Map<const RowMajor<float>, 0, ::Eigen::OuterStride<>>;
using MutableRows = ::Eigen::Map<RowMajor<float>, 0, ::Eigen::OuterStride<>>;

Rows rows_of(const float* first, int rows, int columns, int stride) {
  return {first, rows, columns, ::Eigen::OuterStride<>(stride)};
}

// Scores of each token to weights that sum to 1 over what it sees.
void weigh(int past, Matrix& scores) {
  for (int token = 0; token < static_cast<int>(scores.rows()); ++token) {
    const int seen = past + token + 1;
    auto row = scores.row(token).array();
    const float largest = row.head(seen).maxCoeff();
    row.head(seen) = (row.head(seen) - largest).exp();
    row.head(seen) /= row.head(seen).sum();
    row.tail(row.size() - seen).setZero();
  }
}

}  // namespace

// Every head's keys and values are spelled out from the latents: what absorbing the projections must equal.
void latent_attention(const Queries& queries, const LatentShape& shape, const LatentCache& cache, const float* key_up,
                      const float* value_up, float* scratch, float* out) {
  const int kv = queries.past + queries.tokens, width = shape.nope + shape.rope;
  Matrix keys(scratch, kv, width);
  Matrix values(keys.data() + keys.size(), kv, shape.value);
  Matrix scores(values.data() + values.size(), queries.tokens, kv);
  const Rows latents = rows_of(cache.tokens, kv, shape.latent, shape.cached());
  keys.rightCols(shape.rope) = rows_of(cache.tokens + shape.latent, kv, shape.rope, shape.cached());
  const float factor = 1.0f / std::sqrt(static_cast<float>(width));
  for (int head = 0; head < shape.heads; ++head) {
    const ConstMatrix key(key_up + offset_of(head * shape.nope, shape.latent), shape.nope, shape.latent);
    const ConstMatrix value(value_up + offset_of(head * shape.value, shape.latent), shape.value, shape.latent);
    keys.leftCols(shape.nope).noalias() = latents * key.transpose();
    values.noalias() = latents * value.transpose();
    const Rows query = rows_of(queries.data + offset_of(head, width), queries.tokens, width, queries.stride);
    scores.noalias() = factor * (query * keys.transpose());
    weigh(queries.past, scores);
    MutableRows to(out + offset_of(head, shape.value), queries.tokens, shape.value,
                   ::Eigen::OuterStride<>(shape.heads * shape.value));
    to.noalias() = scores * values;
  }
}

}  // namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT
