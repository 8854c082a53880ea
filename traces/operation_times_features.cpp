#include "traces/operation_times_features.h"

#include <algorithm>
#include <cmath>

namespace ppplan::traces {
namespace {

constexpr double output_bytes = 2;

/// Appends features one by one in the order of their names.
class Writer {
 public:
  explicit Writer(int multiprocessors) : multiprocessors_(multiprocessors) {}
  void log(double value) { out_[count_++] = std::log2(value); }
  void plain(double value) { out_[count_++] = value; }
  void waves(double tiles) {
    const double w = tiles / multiprocessors_;
    log(w);
    plain(std::ceil(w) / w);
  }
  const Features& features() const { return out_; }

 private:
  double multiprocessors_;
  std::size_t count_ = 0;
  Features out_{};
};

double tiles(double size, double tile) { return std::ceil(size / tile); }

void gemm_features(const Sizes& sizes, const Work& work, Writer& out) {
  const auto [m, n, k, unused4, unused5] = sizes;
  for (double size : {m, n, k, work.flops, work.bytes, work.flops / work.bytes, m * n, n * k, m * k}) out.log(size);
  out.waves(tiles(m, 64) * tiles(n, 64));
  out.waves(tiles(m, 128) * tiles(n, 128));
  out.waves(tiles(m, 128) * tiles(n, 256));
  out.waves(tiles(m, 256) * tiles(n, 128));
  out.plain(tiles(m, 16) * 16 / m);
}

void context_features(const Sizes& sizes, const Work& work, Writer& out) {
  const auto [batch, tokens, heads, kv_heads, head_dim] = sizes;
  for (double size : {batch, tokens, heads, kv_heads, heads / kv_heads, batch * heads, batch * tokens,
                      batch * heads * tokens, batch * kv_heads * tokens, tokens * heads, work.flops, work.bytes})
    out.log(size);
  out.waves(batch * heads * tiles(tokens, 128));
  out.waves(batch * heads * tiles(tokens, 64));
  out.waves(batch * kv_heads * tiles(tokens * heads / kv_heads, 128));
}

void generation_features(const Sizes& sizes, const Work& work, Writer& out) {
  const auto [batch, cached, heads, kv_heads, head_dim] = sizes;
  for (double size : {batch, cached + 1, heads, kv_heads, heads / kv_heads, batch * heads, batch * kv_heads,
                      batch * kv_heads * (cached + 1), work.flops, work.bytes})
    out.log(size);
  out.waves(batch * kv_heads);
  out.waves(batch * heads);
  out.waves(batch * kv_heads * tiles(cached + 1, 128));
}

}  // namespace

std::optional<FittedKind> fitted_kind(std::string_view op) {
  if (op == "gemm") return FittedKind::gemm;
  if (op == "context_attention") return FittedKind::context_attention;
  if (op == "generation_attention") return FittedKind::generation_attention;
  return std::nullopt;
}

const std::vector<std::string>& size_names(FittedKind kind) {
  static const std::vector<std::string> gemm = {"m", "n", "k"};
  static const std::vector<std::string> context = {"batch", "tokens", "heads", "kv_heads", "head_dim"};
  static const std::vector<std::string> generation = {"batch", "kv_tokens", "heads", "kv_heads", "head_dim"};
  return kind == FittedKind::gemm ? gemm : kind == FittedKind::context_attention ? context : generation;
}

Work work(FittedKind kind, const Sizes& sizes, double element_bytes) {
  if (kind == FittedKind::gemm) {
    const auto [m, n, k, unused4, unused5] = sizes;
    return {2 * m * n * k, element_bytes * (m * k + k * n) + output_bytes * m * n};
  }
  const auto [batch, tokens, heads, kv_heads, head_dim] = sizes;
  if (kind == FittedKind::context_attention)
    return {2 * batch * heads * head_dim * tokens * tokens,
            2 * batch * tokens * head_dim * (output_bytes * heads + element_bytes * kv_heads)};
  return {4 * batch * heads * head_dim * (tokens + 1),
          2 * batch * head_dim * (output_bytes * heads + element_bytes * kv_heads * (tokens + 1))};
}

double element_bytes(std::string_view dtype) { return dtype == "fp8" || dtype == "int8" ? 1 : 2; }

const std::vector<std::string>& feature_names(FittedKind kind) {
  static const std::vector<std::string> gemm = {
      "log2 m",       "log2 n",        "log2 k",       "log2 flops",    "log2 bytes",   "log2 flops/bytes",
      "log2 m*n",     "log2 n*k",      "log2 m*k",     "waves 64x64",   "tail 64x64",   "waves 128x128",
      "tail 128x128", "waves 128x256", "tail 128x256", "waves 256x128", "tail 256x128", "padding of m to 16"};
  static const std::vector<std::string> context = {"log2 batch",
                                                   "log2 tokens",
                                                   "log2 heads",
                                                   "log2 kv_heads",
                                                   "log2 heads/kv_heads",
                                                   "log2 batch*heads",
                                                   "log2 batch*tokens",
                                                   "log2 batch*heads*tokens",
                                                   "log2 batch*kv_heads*tokens",
                                                   "log2 tokens*heads",
                                                   "log2 flops",
                                                   "log2 bytes",
                                                   "waves 128",
                                                   "tail 128",
                                                   "waves 64",
                                                   "tail 64",
                                                   "waves packed 128",
                                                   "tail packed 128"};
  static const std::vector<std::string> generation = {
      "log2 batch",          "log2 kv",          "log2 heads",          "log2 kv_heads",
      "log2 heads/kv_heads", "log2 batch*heads", "log2 batch*kv_heads", "log2 batch*kv_heads*kv",
      "log2 flops",          "log2 bytes",       "waves kv_heads",      "tail kv_heads",
      "waves heads",         "tail heads",       "waves split 128",     "tail split 128"};
  return kind == FittedKind::gemm ? gemm : kind == FittedKind::context_attention ? context : generation;
}

Features features(FittedKind kind, const Sizes& sizes, double element_bytes, int multiprocessors) {
  Writer out(multiprocessors);
  const Work of = work(kind, sizes, element_bytes);
  if (kind == FittedKind::gemm) gemm_features(sizes, of, out);
  if (kind == FittedKind::context_attention) context_features(sizes, of, out);
  if (kind == FittedKind::generation_attention) generation_features(sizes, of, out);
  return out.features();
}

const std::vector<std::string>& range_names(FittedKind kind) {
  static const std::vector<std::string> gemm = {"m", "n", "k", "n*k"};
  static const std::vector<std::string> context = {"batch",    "tokens",       "heads",         "kv_heads",
                                                   "head_dim", "batch*tokens", "batch*tokens^2"};
  static const std::vector<std::string> generation = {"batch",    "kv_tokens", "heads",
                                                      "kv_heads", "head_dim",  "batch*kv_tokens"};
  return kind == FittedKind::gemm ? gemm : kind == FittedKind::context_attention ? context : generation;
}

std::vector<double> range_values(FittedKind kind, const Sizes& s) {
  if (kind == FittedKind::gemm) return {s[0], s[1], s[2], s[1] * s[2]};
  if (kind == FittedKind::context_attention) return {s[0], s[1], s[2], s[3], s[4], s[0] * s[1], s[0] * s[1] * s[1]};
  return {s[0], s[1], s[2], s[3], s[4], s[0] * s[1]};
}

std::optional<Sizes> sizes_of(FittedKind kind, const Shape& shape, double tokens, double batch, double kv_tokens) {
  Sizes out{};
  const bool gemm = kind == FittedKind::gemm;
  if (gemm) {
    out[0] = tokens * batch;
  } else {
    out[0] = batch;
    out[1] = kind == FittedKind::context_attention ? tokens : kv_tokens;
  }
  const std::vector<std::string>& names = size_names(kind);
  for (std::size_t i = gemm ? 1 : 2; i < names.size(); ++i) {
    const auto found = shape.find(names[i]);
    if (found == shape.end() || found->second < 1) return std::nullopt;
    out[i] = static_cast<double>(found->second);
  }
  return out;
}

}  // namespace ppplan::traces
