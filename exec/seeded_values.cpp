#include "exec/seeded_values.h"

namespace ppplan::exec {

namespace {

// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): every bit of the input reaches every bit of the output.
std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;

}  // namespace

std::uint64_t stream(std::uint64_t seed, std::initializer_list<std::uint64_t> path) {
  std::uint64_t state = mix(seed + kGolden);
  for (const std::uint64_t name : path) state = mix(state ^ mix(name + kGolden));
  return state;
}

std::uint64_t value(std::uint64_t stream, std::uint64_t index) { return mix(stream + (index + 1) * kGolden); }

void fill_uniform(float* data, std::size_t count, std::uint64_t stream, float center, float half_width) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto bits = static_cast<std::int32_t>(value(stream, i) >> 40);  // 24 bits: exact in a float
    data[i] = center + half_width * (static_cast<float>(bits) * 0x1p-23f - 1.0f);
  }
}

}  // namespace ppplan::exec
