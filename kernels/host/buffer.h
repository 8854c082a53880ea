// Memory of floats on a 64-byte boundary, zeroed. Eigen's reductions peel to an aligned address, so results repeat bit
// for bit only when every array starts on the same boundary.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace ppplan::kernels::host {

class Buffer {
 public:
  static constexpr std::size_t kAlignment = 64;

  Buffer() = default;
  /// Throws std::bad_alloc.
  explicit Buffer(std::size_t count) : count_(count) {
    const std::size_t bytes = (count * sizeof(float) + kAlignment - 1) / kAlignment * kAlignment;
    if (bytes == 0) return;
    data_.reset(static_cast<float*>(std::aligned_alloc(kAlignment, bytes)));
    if (!data_) throw std::bad_alloc();
    std::memset(data_.get(), 0, bytes);
  }
  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  std::size_t size() const { return count_; }

  /// `count` rounded up so that what follows it starts on the boundary again.
  static constexpr std::size_t aligned(std::size_t count) {
    constexpr std::size_t kFloats = kAlignment / sizeof(float);
    return (count + kFloats - 1) / kFloats * kFloats;
  }

 private:
  struct Free {
    void operator()(float* data) const { std::free(data); }
  };
  std::unique_ptr<float, Free> data_;
  std::size_t count_ = 0;
};

}  // namespace ppplan::kernels::host
