// How large a model may be: beyond any that exists, small enough that no count or byte total overflows 64 bits.
#pragma once

#include <cstdint>

#include "planner/input/document.h"
#include "planner/spec/model_spec.h"

namespace ppplan::spec {

inline constexpr int most_layers = 10'000;
inline constexpr int most_hidden = 1 << 20;
inline constexpr int most_heads = 1 << 14;
inline constexpr int most_head_dim = 1 << 14;
inline constexpr int most_width = 1 << 22;
inline constexpr int most_experts = 1 << 14;
inline constexpr int most_in_scale_group = 1 << 20;
inline constexpr int most_vocabulary = 1 << 26;
inline constexpr int most_norms = 16;
inline constexpr int most_streams = 64;
inline constexpr std::int64_t most_stated_bytes = std::int64_t{1} << 50;
inline constexpr double most_parameters = 1e17;

/// Throws InputError at `where` unless the whole model has at most most_parameters. Every field must be within its own
/// limit.
void check_size(const ModelSpec& model, const input::Node& where);

}  // namespace ppplan::spec
