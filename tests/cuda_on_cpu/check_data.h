// Random data in bf16 with the same values in fp32, and comparisons.
#pragma once

#include <cmath>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

#include "kernels/cuda/operations.h"
#include "kernels/host/buffer.h"
#include "tests/cuda_on_cpu/execution.h"

namespace ppplan::tests {

using kernels::cuda::Bf16;
using kernels::host::Buffer;

inline constexpr float kRounding = 1.0f / 256;

inline std::size_t area(int rows, int width) {
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width);
}

/// Draws of one check; the thread order follows the same seed.
class Draws {
 public:
  explicit Draws(unsigned seed) : random_(seed) { cuda_on_cpu::set_thread_order(seed); }
  int between(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  int one_of(std::initializer_list<int> values) {
    return values.begin()[between(0, static_cast<int>(values.size()) - 1)];
  }
  float normal() { return normal_(random_); }
  std::mt19937& random() { return random_; }

 private:
  std::mt19937 random_;
  std::normal_distribution<float> normal_{0.0f, 1.0f};
};

/// An array in bf16, exactly as long as it says, and its values in fp32.
struct Values {
  std::vector<Bf16> device;
  Buffer host;
};
inline Values random_values(std::size_t count, Draws& draws) {
  Values out{std::vector<Bf16>(count), Buffer(count)};
  for (std::size_t i = 0; i < count; ++i) {
    out.device[i] = __float2bfloat16_rn(draws.normal());
    out.host.data()[i] = __bfloat162float(out.device[i]);
  }
  return out;
}
inline std::vector<Bf16> unwritten(std::size_t count) { return std::vector<Bf16>(count, __float2bfloat16_rn(NAN)); }

inline std::string difference(const std::string& what, std::size_t at, float actual, float expected) {
  return what + "[" + std::to_string(at) + "] is " + std::to_string(actual) + ", expected " + std::to_string(expected);
}

/// bound(i) is the largest error allowed of element i; a NaN is never within it.
template <typename Bound>
std::string compare(const std::string& what, const Bf16* actual, const float* expected, std::size_t count,
                    Bound bound) {
  for (std::size_t i = 0; i < count; ++i) {
    const float value = __bfloat162float(actual[i]);
    if (!(std::abs(value - expected[i]) <= bound(i))) return difference(what, i, value, expected[i]);
  }
  return "";
}
inline std::string compare_exactly(const std::string& what, const Bf16* actual, const float* expected,
                                   std::size_t count) {
  return compare(what, actual, expected, count, [](std::size_t) { return 0.0f; });
}
template <typename T>
std::string compare_equal(const std::string& what, const std::vector<T>& actual, const std::vector<T>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (actual[i] != expected[i])
      return difference(what, i, static_cast<float>(actual[i]), static_cast<float>(expected[i]));
  return "";
}

}  // namespace ppplan::tests
