// Buffers that are handed out again and again, and how many bytes of them are in use: what a rank's activations live
// in. Used by one thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "kernels/host/buffer.h"

namespace ppplan::kernels::host {

class BufferPool {
 public:
  /// A buffer of exactly `count` floats with whatever it last held.
  Buffer acquire(std::size_t count) {
    live_bytes_ += bytes(count);
    peak_bytes_ = std::max(peak_bytes_, live_bytes_);
    std::vector<Buffer>& free = free_[count];
    if (free.empty()) return Buffer(count);
    Buffer buffer = std::move(free.back());
    free.pop_back();
    return buffer;
  }
  /// Takes a buffer back that acquire() gave, and leaves an empty one; nothing happens to one that is empty already.
  void release(Buffer& buffer) {
    if (buffer.size() == 0) return;
    live_bytes_ -= bytes(buffer.size());
    free_[buffer.size()].push_back(std::exchange(buffer, Buffer()));
  }

  std::int64_t live_bytes() const { return live_bytes_; }
  /// Most bytes in use at once since the start or the last reset_peak().
  std::int64_t peak_bytes() const { return peak_bytes_; }
  void reset_peak() { peak_bytes_ = live_bytes_; }

 private:
  static std::int64_t bytes(std::size_t count) { return static_cast<std::int64_t>(count * sizeof(float)); }

  std::map<std::size_t, std::vector<Buffer>> free_;  // by size
  std::int64_t live_bytes_ = 0;
  std::int64_t peak_bytes_ = 0;
};

}  // namespace ppplan::kernels::host
