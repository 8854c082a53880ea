// Outputs of a stage that wait for their transfer. Buffers are handed out again last in, first out, so that a pipeline
// whose sends keep up stays in two warm ones, however many micro-batches there are.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "kernels/host/buffer.h"

namespace ppplan::exec {

class ActivationPool {
 public:
  /// Buffers of `floats` each; two exist from the start, more are made when all are in use.
  explicit ActivationPool(std::size_t floats) : floats_(floats) {
    for (int i = 0; i < 2; ++i) free_.push_back(make());
  }
  float* acquire() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return make();
    float* buffer = free_.back();
    free_.pop_back();
    return buffer;
  }
  void release(float* buffer) {
    const std::lock_guard lock(mutex_);
    free_.push_back(buffer);
  }
  /// Every buffer is free again.
  void reset() {
    const std::lock_guard lock(mutex_);
    free_.clear();
    for (const auto& buffer : all_) free_.push_back(buffer->data());
  }

 private:
  float* make() { return all_.emplace_back(std::make_unique<kernels::host::Buffer>(floats_))->data(); }

  std::size_t floats_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<kernels::host::Buffer>> all_;
  std::vector<float*> free_;
};

}  // namespace ppplan::exec
