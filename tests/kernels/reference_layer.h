// A decoder layer with random weights, and the same layer as independent double-precision loops.
#pragma once

#include <span>

#include "kernels/host/layer.h"
#include "tests/kernels/reference.h"

namespace ppplan::tests {

using kernels::host::decoder_layer;
using kernels::host::KvCache;
using kernels::host::LatentShape;
using kernels::host::LayerBatch;
using kernels::host::LayerShape;
using kernels::host::LayerWeights;
using kernels::host::operations;
using kernels::host::RopeTable;
using kernels::host::Workspace;

inline constexpr double kTheta = 10000.0;
inline constexpr int kPositions = 96;

inline std::size_t area(int rows, int width) {
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width);
}

inline LatentShape latent_of(const LayerShape& s) { return s.latent.value_or(LatentShape{0, 0, 0, 0, 0}); }
/// Of a norm in front of attention: over a head's values, or over a latent of `rank`.
inline int norm_width(const LayerShape& s, int rank) { return s.latent ? rank : s.qk_norm ? s.attention.head_dim : 0; }

// A layer with random weights and the caches of some sequences.
struct RandomLayer {
  RandomLayer(const LayerShape& s, int sequences, unsigned seed) : shape(s), rope(kTheta, kPositions, s.rotated_dim()) {
    std::mt19937 random(seed);
    const auto matrix = [&](int outputs, int inputs) {
      buffers.push_back(random_buffer(area(outputs, inputs), random, 1.0f / std::sqrt(static_cast<float>(inputs))));
      return buffers.back().data();
    };
    const auto vector = [&](int width) {
      buffers.push_back(random_buffer(area(1, width), random));
      return buffers.back().data();
    };
    const int experts = std::max(s.experts, 1);
    weights = {vector(s.hidden),
               matrix(s.qkv_width(), s.hidden),
               s.qkv_bias ? vector(s.qkv_width()) : nullptr,
               norm_width(s, s.query_rank) > 0 ? vector(norm_width(s, s.query_rank)) : nullptr,
               norm_width(s, latent_of(s).latent) > 0 ? vector(norm_width(s, latent_of(s).latent)) : nullptr,
               matrix(s.hidden, s.attention_width()),
               vector(s.hidden),
               s.experts > 0 ? matrix(s.experts, s.hidden) : nullptr,
               matrix(experts * 2 * s.intermediate, s.hidden),
               matrix(experts * s.hidden, s.intermediate),
               s.shared_intermediate > 0 ? matrix(2 * s.shared_intermediate, s.hidden) : nullptr,
               s.shared_intermediate > 0 ? matrix(s.hidden, s.shared_intermediate) : nullptr,
               s.query_rank > 0 ? matrix(s.query_width(), s.query_rank) : nullptr,
               s.latent ? matrix(s.latent->heads * s.latent->nope, s.latent->latent) : nullptr,
               s.latent ? matrix(s.latent->heads * s.latent->value, s.latent->latent) : nullptr};
    for (int i = 0; i < sequences; ++i) {
      if (s.latent) {
        caches.push_back({buffers.emplace_back(s.cached_width() * kPositions).data(), nullptr, kPositions});
        continue;
      }
      float* keys = buffers.emplace_back(s.kv_width() * kPositions).data();
      float* values = buffers.emplace_back(s.kv_width() * kPositions).data();
      caches.push_back({keys, values, kPositions});
    }
  }

  Buffer run(const LayerBatch& batch, const float* x) {
    Workspace workspace(std::span(&shape, 1), batch.rows(), batch.past_tokens + batch.new_tokens);
    Buffer y(area(batch.rows(), shape.hidden));
    decoder_layer(operations(), shape, weights, rope, batch, caches, workspace, x, y.data());
    return y;
  }

  LayerShape shape;
  RopeTable rope;
  std::vector<Buffer> buffers;
  LayerWeights weights;
  std::vector<KvCache> caches;
};

inline Doubles slice(const float* data, std::size_t begin, std::size_t count) {
  return {data + begin, data + begin + count};
}

// The layer over one whole sequence in double precision.
class ReferenceLayer {
 public:
  explicit ReferenceLayer(const RandomLayer& layer) : s_(layer.shape), w_(layer.weights) {}

  Doubles run(const Doubles& x) const {
    const int rows = static_cast<int>(x.size()) / s_.hidden;
    Doubles h = x;
    const Doubles before = reference_rms_norm(x, weight(w_.attention_norm, s_.hidden), s_.norm_epsilon);
    add(h, s_.latent ? latent_attention(before, rows) : attention(before, rows));
    const Doubles normed = reference_rms_norm(h, weight(w_.feed_forward_norm, s_.hidden), s_.norm_epsilon);
    Doubles out = h;
    add(out, s_.experts > 0 ? experts(normed, rows) : gated(normed, rows, s_.intermediate, w_.gate_up, w_.down));
    if (s_.shared_intermediate > 0) {
      add(out, gated(normed, rows, s_.shared_intermediate, w_.shared_gate_up, w_.shared_down));
    }
    return out;
  }

 private:
  static Doubles weight(const float* data, int rows, int width = 1) { return slice(data, 0, area(rows, width)); }
  static void add(Doubles& to, const Doubles& what) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += what[i];
  }

  Doubles heads(const Doubles& qkv, int rows, int first, int count, const float* norm, bool rotate) const {
    const int d = s_.attention.head_dim;
    Doubles out;
    for (int r = 0; r < rows; ++r) {
      for (int h = 0; h < count; ++h) {
        const auto* from = &qkv[area(r, s_.qkv_width()) + area(first + h, d)];
        Doubles head(from, from + d);
        if (norm != nullptr) head = reference_rms_norm(head, weight(norm, d), s_.norm_epsilon);
        if (rotate) reference_rope(head.data(), d, r, kTheta);
        out.insert(out.end(), head.begin(), head.end());
      }
    }
    return out;
  }

  Doubles attention(const Doubles& normed, int rows) const {
    const AttentionShape& a = s_.attention;
    const Doubles bias = s_.qkv_bias ? weight(w_.qkv_bias, s_.qkv_width()) : Doubles{};
    const Doubles qkv =
        reference_linear(normed, weight(w_.qkv, s_.qkv_width(), s_.hidden), bias, rows, s_.hidden, s_.qkv_width());
    const Doubles queries = heads(qkv, rows, 0, a.heads, w_.query_norm, true);
    const Doubles keys = heads(qkv, rows, a.heads, a.kv_heads, w_.key_norm, true);
    const Doubles values = heads(qkv, rows, a.heads + a.kv_heads, a.kv_heads, nullptr, false);
    return reference_linear(reference_attention(queries, keys, values, a, rows, 0),
                            weight(w_.attention_output, s_.hidden, s_.attention_width()), {}, rows,
                            s_.attention_width(), s_.hidden);
  }

  /// Columns [first, first + count) of x [rows, width].
  static Doubles columns(const Doubles& x, int rows, int width, int first, int count) {
    Doubles out;
    for (int r = 0; r < rows; ++r) {
      const auto* from = &x[area(r, width) + area(first, 1)];
      out.insert(out.end(), from, from + count);
    }
    return out;
  }

  Doubles latent_queries(const Doubles& qkv, int rows) const {
    const Doubles own = columns(qkv, rows, s_.qkv_width(), 0, s_.query_part());
    if (s_.query_rank == 0) return own;
    return reference_linear(reference_rms_norm(own, weight(w_.query_norm, s_.query_rank), s_.norm_epsilon),
                            weight(w_.query_up, s_.query_width(), s_.query_rank), {}, rows, s_.query_rank,
                            s_.query_width());
  }

  // Keys and values of every head are spelled out, as DeepSeek's code for training does.
  Doubles latent_attention(const Doubles& normed, int rows) const {
    const LatentShape& a = *s_.latent;
    const int width = a.nope + a.rope, at = s_.query_part();
    const Doubles qkv =
        reference_linear(normed, weight(w_.qkv, s_.qkv_width(), s_.hidden), {}, rows, s_.hidden, s_.qkv_width());
    const Doubles latents = reference_rms_norm(columns(qkv, rows, s_.qkv_width(), at, a.latent),
                                               weight(w_.key_norm, a.latent), s_.norm_epsilon);
    const Doubles shared = columns(qkv, rows, s_.qkv_width(), at + a.latent, a.rope);
    const Doubles parts =
        reference_linear(latents, weight(w_.key_up, a.heads * a.nope, a.latent), {}, rows, a.latent, a.heads * a.nope);
    const Doubles values = reference_linear(latents, weight(w_.value_up, a.heads * a.value, a.latent), {}, rows,
                                            a.latent, a.heads * a.value);
    const Doubles queries = latent_queries(qkv, rows);
    Doubles out;
    for (int r = 0; r < rows; ++r)
      for (int h = 0; h < a.heads; ++h) {
        Doubles query(&queries[area(r * a.heads + h, width)], &queries[area(r * a.heads + h, width)] + width);
        reference_rope(query.data() + a.nope, a.rope, r, kTheta);
        Doubles weights;
        for (int p = 0; p <= r; ++p) {
          Doubles key(&parts[area(p * a.heads + h, a.nope)], &parts[area(p * a.heads + h, a.nope)] + a.nope);
          key.insert(key.end(), &shared[area(p, a.rope)], &shared[area(p, a.rope)] + a.rope);
          reference_rope(key.data() + a.nope, a.rope, p, kTheta);
          double dot = 0;
          for (std::size_t i = 0; i < key.size(); ++i) dot += query[i] * key[i];
          weights.push_back(std::exp(dot / std::sqrt(static_cast<double>(width))));
        }
        double sum = 0;
        for (const double w : weights) sum += w;
        for (int i = 0; i < a.value; ++i) {
          double value = 0;
          for (int p = 0; p <= r; ++p)
            value += weights[area(p, 1)] / sum * values[area(p * a.heads + h, a.value) + area(i, 1)];
          out.push_back(value);
        }
      }
    return reference_linear(out, weight(w_.attention_output, s_.hidden, s_.attention_width()), {}, rows,
                            s_.attention_width(), s_.hidden);
  }

  Doubles gated(const Doubles& x, int rows, int width, const float* gate_up, const float* down) const {
    const Doubles inner = reference_linear(x, weight(gate_up, 2 * width, s_.hidden), {}, rows, s_.hidden, 2 * width);
    return reference_linear(reference_swiglu(inner, rows, width), weight(down, s_.hidden, width), {}, rows, width,
                            s_.hidden);
  }

  Doubles experts(const Doubles& normed, int rows) const {
    Doubles out;
    for (int r = 0; r < rows; ++r) {
      const Doubles x(normed.begin() + r * s_.hidden, normed.begin() + (r + 1) * s_.hidden);
      const Doubles logits =
          reference_linear(x, weight(w_.router, s_.experts, s_.hidden), {}, 1, s_.hidden, s_.experts);
      std::vector<int> order(logits.size());
      for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
      std::sort(order.begin(), order.end(), [&](int a, int b) {
        return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
      });
      order.resize(static_cast<std::size_t>(s_.experts_per_token));
      double sum = 0;
      for (const int e : order) sum += std::exp(logits[static_cast<std::size_t>(e)]);
      Doubles row(static_cast<std::size_t>(s_.hidden), 0.0);
      for (const int e : order) {
        Doubles part = gated(x, 1, s_.intermediate, w_.gate_up + area(e, 2 * s_.intermediate * s_.hidden),
                             w_.down + area(e, s_.intermediate * s_.hidden));
        for (double& value : part) value *= std::exp(logits[static_cast<std::size_t>(e)]) / sum;
        add(row, part);
      }
      out.insert(out.end(), row.begin(), row.end());
    }
    return out;
  }

  const LayerShape& s_;
  const LayerWeights& w_;
};

}  // namespace ppplan::tests
