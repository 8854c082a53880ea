#include <cmath>
#include <cstring>

#include "kernels/host/variant.h"

namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT {

namespace {

std::size_t at(int row, int stride) { return static_cast<std::size_t>(row) * static_cast<std::size_t>(stride); }

void copy_row(const float* from, int width, float* to) {
  std::memcpy(to, from, static_cast<std::size_t>(width) * sizeof(float));
}

}  // namespace

void embed(const int* tokens, const float* table, int rows, int hidden, float* out) {
  gather(table, tokens, rows, hidden, out);
}

void rms_norm(const float* x, const float* gain, float epsilon, int rows, int width, int stride, float* out) {
  const ConstVector scale(gain, width);
  for (int row = 0; row < rows; ++row) {
    const ConstVector in(x + at(row, stride), width);
    const float inverse = 1.0f / std::sqrt(in.square().sum() / static_cast<float>(width) + epsilon);
    Vector(out + at(row, stride), width) = in * inverse * scale;
  }
}

void rope(float* x, const float* cosines, const float* sines, int tokens, int heads, int head_dim, int stride) {
  const int half = head_dim / 2;
  for (int token = 0; token < tokens; ++token) {
    const float* cosine = cosines + at(token, half);
    const float* sine = sines + at(token, half);
    for (int head = 0; head < heads; ++head) {
      float* first = x + at(token, stride) + at(head, head_dim);
      float* second = first + half;
      for (int i = 0; i < half; ++i) {
        const float a = first[i];
        const float b = second[i];
        first[i] = a * cosine[i] - b * sine[i];
        second[i] = b * cosine[i] + a * sine[i];
      }
    }
  }
}

void store_kv(const float* keys, const float* values, int stride, int tokens, int past, const AttentionShape& shape,
              const KvCache& cache) {
  const int width = shape.head_dim;
  for (int head = 0; head < shape.kv_heads; ++head) {
    for (int token = 0; token < tokens; ++token) {
      const std::size_t from = at(token, stride) + at(head, width);
      const std::size_t to =
          (at(head, cache.capacity) + static_cast<std::size_t>(past + token)) * static_cast<std::size_t>(width);
      copy_row(keys + from, width, cache.keys + to);
      copy_row(values + from, width, cache.values + to);
    }
  }
}

void swiglu(const float* gate_up, int rows, int width, float* out) {
  for (int row = 0; row < rows; ++row) {
    const ConstVector gate(gate_up + at(row, 2 * width), width);
    const ConstVector up(gate_up + at(row, 2 * width) + width, width);
    Vector(out + at(row, width), width) = gate / (1.0f + (-gate).exp()) * up;
  }
}

void add(const float* a, const float* b, std::size_t count, float* out) {
  const auto size = static_cast<::Eigen::Index>(count);
  Vector(out, size) = ConstVector(a, size) + ConstVector(b, size);
}

void gather(const float* x, const int* row, int rows, int hidden, float* out) {
  for (int r = 0; r < rows; ++r) copy_row(x + at(row[r], hidden), hidden, out + at(r, hidden));
}

void scatter_add(const float* x, const int* row, const float* weight, int rows, int hidden, float* out) {
  for (int r = 0; r < rows; ++r) {
    Vector(out + at(row[r], hidden), hidden) += weight[r] * ConstVector(x + at(r, hidden), hidden);
  }
}

}  // namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT
