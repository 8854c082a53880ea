#include <cmath>
#include <cstring>

#include "kernels/host/variant.h"

namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT::backward {

namespace {

float inverse_root(const ConstVector& x, float epsilon) {
  return 1.0f / std::sqrt(x.square().sum() / static_cast<float>(x.size()) + epsilon);
}

}  // namespace

void rms_norm_input(const float* x, const float* gain, float epsilon, const float* y_gradient, int rows, int width,
                    int stride, float* x_gradient) {
  const ConstVector scale(gain, width);
  for (int row = 0; row < rows; ++row) {
    const ConstVector in(x + offset_of(row, stride), width), out(y_gradient + offset_of(row, stride), width);
    const float inverse = inverse_root(in, epsilon);
    const float mean = (scale * out * in).sum() / static_cast<float>(width);
    Vector(x_gradient + offset_of(row, stride), width) =
        inverse * (scale * out) - (inverse * inverse * inverse * mean) * in;
  }
}

void rms_norm_gain(const float* x, float epsilon, const float* y_gradient, int rows, int width, int stride,
                   float* gain_gradient) {
  for (int row = 0; row < rows; ++row) {
    const ConstVector in(x + offset_of(row, stride), width);
    Vector(gain_gradient, width) +=
        inverse_root(in, epsilon) * in * ConstVector(y_gradient + offset_of(row, stride), width);
  }
}

void rope(float* gradient, const float* cosines, const float* sines, int tokens, int heads, int head_dim, int stride) {
  const int half = head_dim / 2;
  for (int token = 0; token < tokens; ++token) {
    const ConstVector cosine(cosines + offset_of(token, half), half), sine(sines + offset_of(token, half), half);
    for (int head = 0; head < heads; ++head) {
      float* first = gradient + offset_of(token, stride) + offset_of(head, head_dim);
      for (int i = 0; i < half; ++i) {
        const float a = first[i], b = first[half + i];
        first[i] = a * cosine[i] + b * sine[i];
        first[half + i] = b * cosine[i] - a * sine[i];
      }
    }
  }
}

void load_kv(const KvCache& cache, const AttentionShape& shape, int stride, int tokens, float* keys, float* values) {
  const int width = shape.head_dim;
  const std::size_t bytes = static_cast<std::size_t>(width) * sizeof(float);
  for (int head = 0; head < shape.kv_heads; ++head) {
    for (int token = 0; token < tokens; ++token) {
      const std::size_t from = offset_of(head * cache.capacity + token, width);
      const std::size_t to = offset_of(token, stride) + offset_of(head, width);
      std::memcpy(keys + to, cache.keys + from, bytes);
      std::memcpy(values + to, cache.values + from, bytes);
    }
  }
}

// y = s(g) u with s(g) = g / (1 + exp(-g)): du = s(g) dy and dg = u s'(g) dy, s' = p + s (1 - p), p = 1 / (1 +
// exp(-g)).
void swiglu(float* gate_up, float* y_gradient, int rows, int width) {
  for (int row = 0; row < rows; ++row) {
    Vector gate(gate_up + offset_of(row, 2 * width), width), up(gate_up + offset_of(row, 2 * width) + width, width);
    Vector gradient(y_gradient + offset_of(row, width), width);
    up *= gradient;
    gradient *= gate / (1.0f + (-gate).exp());
    gate = up * (1.0f + gate * (1.0f - 1.0f / (1.0f + (-gate).exp()))) / (1.0f + (-gate).exp());
    up = gradient;
  }
}

void dot_rows(const float* a, const float* b, int rows, int width, float* out) {
  for (int row = 0; row < rows; ++row) {
    out[row] = (ConstVector(a + offset_of(row, width), width) * ConstVector(b + offset_of(row, width), width)).sum();
  }
}

void scale_rows(float* x, const float* factor, int rows, int width) {
  for (int row = 0; row < rows; ++row) Vector(x + offset_of(row, width), width) *= factor[row];
}

void scatter(const float* x, const int* row, int rows, int hidden, float* out) {
  for (int r = 0; r < rows; ++r) {
    Vector(out + offset_of(row[r], hidden), hidden) += ConstVector(x + offset_of(r, hidden), hidden);
  }
}

}  // namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT::backward
