// Owners of what the CUDA runtime hands out, after rmm's shape: each owner frees what it holds, can be moved and not
// copied, and converts to the plain handle, which is the view that everybody else takes.
//
// All constructors act on the current device (DeviceScope) and throw DeviceError. Destructors don't throw: freeing can
// only report what an earlier call has reported already. Memory waits for the device when it is freed.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "kernels/cuda/status.h"

namespace ppplan::kernels::cuda {

/// Makes `device` the current one until the end of the scope.
class DeviceScope {
 public:
  explicit DeviceScope(int device) : device_(device) {
    PPPLAN_CHECK(cudaGetDevice(&before_));
    if (device_ != before_) PPPLAN_CHECK(cudaSetDevice(device_));
  }
  ~DeviceScope() {
    if (device_ != before_) cudaSetDevice(before_);
  }
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  int device_;
  int before_ = 0;
};

template <typename Handle, cudaError_t (*kDestroy)(Handle)>
class Owner {
 public:
  Owner() = default;
  explicit Owner(Handle handle) : handle_(handle) {}
  ~Owner() { reset(); }
  Owner(Owner&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owner& operator=(Owner&& other) noexcept {
    if (this != &other) reset(std::exchange(other.handle_, nullptr));
    return *this;
  }
  operator Handle() const { return handle_; }
  explicit operator bool() const { return handle_ != nullptr; }

 private:
  void reset(Handle handle = nullptr) {
    if (handle_ != nullptr) kDestroy(handle_);
    handle_ = handle;
  }
  Handle handle_ = nullptr;
};

using Stream = Owner<cudaStream_t, &cudaStreamDestroy>;
using Event = Owner<cudaEvent_t, &cudaEventDestroy>;
using Graph = Owner<cudaGraph_t, &cudaGraphDestroy>;
using GraphExec = Owner<cudaGraphExec_t, &cudaGraphExecDestroy>;

/// Beside the default stream, not ordered with it. The highest priority of the device, or its lowest.
enum class Urgency { high, low };
inline Stream make_stream(Urgency urgency = Urgency::low) {
  int lowest = 0, highest = 0;
  PPPLAN_CHECK(cudaDeviceGetStreamPriorityRange(&lowest, &highest));
  cudaStream_t stream = nullptr;
  const int priority = urgency == Urgency::high ? highest : lowest;
  PPPLAN_CHECK(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, priority));
  return Stream(stream);
}
/// One that keeps the time.
inline Event make_event() {
  cudaEvent_t event = nullptr;
  PPPLAN_CHECK(cudaEventCreateWithFlags(&event, cudaEventDefault));
  return Event(event);
}

/// While it lives, arrays in device memory that this thread makes hold nothing: their bytes are counted.
class CountedMemory {
 public:
  CountedMemory() : outer_(std::exchange(current_, this)) {}
  ~CountedMemory() { current_ = outer_; }
  CountedMemory(const CountedMemory&) = delete;
  CountedMemory& operator=(const CountedMemory&) = delete;
  std::size_t bytes() const { return bytes_; }
  /// Whether they were counted.
  static bool take(std::size_t bytes) {
    if (current_ != nullptr) current_->bytes_ += bytes;
    return current_ != nullptr;
  }

 private:
  inline static thread_local CountedMemory* current_ = nullptr;
  CountedMemory* outer_;
  std::size_t bytes_ = 0;
};

/// `count` uninitialised values in device memory, on a 256-byte boundary; none for 0.
template <typename T>
class DeviceArray {
 public:
  DeviceArray() = default;
  explicit DeviceArray(std::size_t count) : size_(count) {
    void* memory = nullptr;
    if (count > 0 && !CountedMemory::take(count * sizeof(T))) PPPLAN_CHECK(cudaMalloc(&memory, count * sizeof(T)));
    memory_ = Memory(memory);
  }
  T* data() const { return static_cast<T*>(static_cast<void*>(memory_)); }
  std::size_t size() const { return size_; }

 private:
  using Memory = Owner<void*, &cudaFree>;
  Memory memory_;
  std::size_t size_ = 0;
};

/// `count` values of host memory that the device reads and writes itself.
template <typename T>
class PinnedArray {
 public:
  PinnedArray() = default;
  explicit PinnedArray(std::size_t count) : size_(count) {
    void* memory = nullptr;
    if (count > 0) PPPLAN_CHECK(cudaMallocHost(&memory, count * sizeof(T)));
    memory_ = Memory(memory);
  }
  T* data() const { return static_cast<T*>(static_cast<void*>(memory_)); }
  std::size_t size() const { return size_; }
  std::span<T> values() const { return {data(), size_}; }

 private:
  using Memory = Owner<void*, &cudaFreeHost>;
  Memory memory_;
  std::size_t size_ = 0;
};

/// Device memory with these values, there when it returns. Not for use while streams capture.
template <typename T>
DeviceArray<T> uploaded(std::span<const T> values, cudaStream_t stream) {
  DeviceArray<T> out(values.size());
  if (out.data() == nullptr) return out;
  PPPLAN_CHECK(cudaMemcpyAsync(out.data(), values.data(), values.size_bytes(), cudaMemcpyHostToDevice, stream));
  PPPLAN_CHECK(cudaStreamSynchronize(stream));
  return out;
}

}  // namespace ppplan::kernels::cuda
