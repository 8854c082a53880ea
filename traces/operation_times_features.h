// What a fit looks at: the work of an operation and the features of its sizes.
//
// GEMM [m, k] x [k, n]: 2 m n k flops; (m k + k n) operands and m n outputs of 2 bytes.
// Prefill attention of b sequences of t tokens, h heads and g key-value heads of size d, causal:
//   4 b h d t^2 / 2 flops; 2 (b t h d) of queries and outputs at 2 bytes, 2 (b t g d) of keys and values.
// Decode attention with s tokens cached: 4 b h d (s + 1) flops; 2 b g d (s + 1) of keys and values, 2 b h d at 2 bytes.
// Kernels cut their work into tiles; w = tiles / multiprocessors is the number of waves, and ceil(w) / w tells how much
// of the last wave is idle. Tile sizes of 64 to 256 are the usual ones; which one a kernel takes is for the trees to
// find out.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "traces/profile.h"
#include "traces/profile_fit.h"

namespace ppplan::traces {

enum class FittedKind { gemm, context_attention, generation_attention };
std::optional<FittedKind> fitted_kind(std::string_view op);

/// Sizes of one operation, in the order of size_names(kind): m, n, k; or batch, tokens (new ones of a prefill, cached
/// ones of a decode), heads, kv_heads, head_dim.
using Sizes = std::array<double, 5>;
const std::vector<std::string>& size_names(FittedKind kind);

struct Work {
  double flops = 0;
  double bytes = 0;
};
/// `element_bytes` of a GEMM's operands, or of the cache of an attention.
Work work(FittedKind kind, const Sizes& sizes, double element_bytes);
/// 1 for fp8 and int8, else 2.
double element_bytes(std::string_view dtype);

inline constexpr std::size_t most_features = 24;
using Features = std::array<double, most_features>;
/// Names of the features of a kind, in order.
const std::vector<std::string>& feature_names(FittedKind kind);
Features features(FittedKind kind, const Sizes& sizes, double element_bytes, int multiprocessors);

/// Quantities whose measured ranges say where a fit holds: the sizes, then products that tables leave out where they
/// grow too large (n k of a GEMM; tokens in all and t^2 of an attention).
const std::vector<std::string>& range_names(FittedKind kind);
std::vector<double> range_values(FittedKind kind, const Sizes& sizes);

/// The sizes that a shape and its tokens stand for, or nothing when the shape lacks one.
std::optional<Sizes> sizes_of(FittedKind kind, const Shape& shape, double tokens, double batch, double kv_tokens);

}  // namespace ppplan::traces
