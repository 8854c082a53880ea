// Random numbers that depend on a seed and a name alone, not on what was drawn before: the weights of layer 5 are the
// same whichever stage holds it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace ppplan::exec {

/// A stream of numbers for a path of names below a seed.
std::uint64_t stream(std::uint64_t seed, std::initializer_list<std::uint64_t> path);
/// Number `index` of a stream, uniform over 64 bits.
std::uint64_t value(std::uint64_t stream, std::uint64_t index);
/// Fills with uniform floats in [center - half_width, center + half_width).
void fill_uniform(float* data, std::size_t count, std::uint64_t stream, float center, float half_width);

}  // namespace ppplan::exec
