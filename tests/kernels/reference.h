// Independent double-precision loops for what kernels/host computes, and random data.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/host/buffer.h"
#include "kernels/host/operations.h"

namespace ppplan::tests {

using kernels::host::AttentionShape;
using kernels::host::Buffer;
using Doubles = std::vector<double>;

inline Buffer random_buffer(std::size_t count, std::mt19937& random, float scale = 1.0f) {
  std::normal_distribution<float> normal(0.0f, scale);
  Buffer buffer(count);
  for (std::size_t i = 0; i < count; ++i) buffer.data()[i] = normal(random);
  return buffer;
}

inline Doubles doubles(const Buffer& buffer) { return {buffer.data(), buffer.data() + buffer.size()}; }

/// Largest |actual - expected|, over the largest |expected| or 1.
inline double relative_difference(const float* actual, const Doubles& expected) {
  double difference = 0;
  double largest = 1;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference = std::max(difference, std::abs(actual[i] - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  return difference / largest;
}

inline Doubles reference_linear(const Doubles& x, const Doubles& weight, const Doubles& bias, int rows, int inputs,
                                int outputs) {
  Doubles out;
  for (int r = 0; r < rows; ++r) {
    for (int o = 0; o < outputs; ++o) {
      double sum = bias.empty() ? 0.0 : bias[static_cast<std::size_t>(o)];
      for (int i = 0; i < inputs; ++i) {
        sum += x[static_cast<std::size_t>(r * inputs + i)] * weight[static_cast<std::size_t>(o * inputs + i)];
      }
      out.push_back(sum);
    }
  }
  return out;
}

inline Doubles reference_rms_norm(const Doubles& x, const Doubles& gain, double epsilon) {
  const std::size_t width = gain.size();
  Doubles out(x.size());
  for (std::size_t row = 0; row < x.size() / width; ++row) {
    double squares = 0;
    for (std::size_t i = 0; i < width; ++i) squares += x[row * width + i] * x[row * width + i];
    const double root = std::sqrt(squares / static_cast<double>(width) + epsilon);
    for (std::size_t i = 0; i < width; ++i) out[row * width + i] = x[row * width + i] / root * gain[i];
  }
  return out;
}

inline Doubles reference_swiglu(const Doubles& gate_up, int rows, int width) {
  Doubles out;
  for (int r = 0; r < rows; ++r) {
    for (int i = 0; i < width; ++i) {
      const double gate = gate_up[static_cast<std::size_t>(r * 2 * width + i)];
      out.push_back(gate / (1.0 + std::exp(-gate)) * gate_up[static_cast<std::size_t>(r * 2 * width + width + i)]);
    }
  }
  return out;
}

/// Rotates one head [head_dim] at a position.
inline void reference_rope(double* head, int head_dim, int position, double theta) {
  const int half = head_dim / 2;
  for (int i = 0; i < half; ++i) {
    const double angle = position * std::pow(theta, -2.0 * i / head_dim);
    const double a = head[i];
    const double b = head[i + half];
    head[i] = a * std::cos(angle) - b * std::sin(angle);
    head[i + half] = b * std::cos(angle) + a * std::sin(angle);
  }
}

/// queries [tokens, heads, head_dim] at positions past + token; keys and values [positions, kv_heads, head_dim].
inline Doubles reference_attention(const Doubles& queries, const Doubles& keys, const Doubles& values,
                                   const AttentionShape& shape, int tokens, int past) {
  Doubles out(queries.size(), 0.0);
  const int d = shape.head_dim;
  for (int t = 0; t < tokens; ++t) {
    const int position = past + t;
    const int first = shape.window > 0 ? std::max(0, position - shape.window + 1) : 0;
    for (int h = 0; h < shape.heads; ++h) {
      const int kv_head = h / (shape.heads / shape.kv_heads);
      const double* q = &queries[static_cast<std::size_t>((t * shape.heads + h) * d)];
      double* o = &out[static_cast<std::size_t>((t * shape.heads + h) * d)];
      Doubles score;
      double largest = -1e300;
      for (int p = first; p <= position; ++p) {
        const double* k = &keys[static_cast<std::size_t>((p * shape.kv_heads + kv_head) * d)];
        double dot = 0;
        for (int i = 0; i < d; ++i) dot += q[i] * k[i];
        score.push_back(dot / std::sqrt(static_cast<double>(d)));
        largest = std::max(largest, score.back());
      }
      double sum = 0;
      for (double& s : score) sum += s = std::exp(s - largest);
      for (int p = first; p <= position; ++p) {
        const double* v = &values[static_cast<std::size_t>((p * shape.kv_heads + kv_head) * d)];
        const double share = score[static_cast<std::size_t>(p - first)] / sum;
        for (int i = 0; i < d; ++i) o[i] += share * v[i];
      }
    }
  }
  return out;
}

}  // namespace ppplan::tests
