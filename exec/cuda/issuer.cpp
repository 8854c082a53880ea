#include "exec/cuda/issuer.h"

#include <cuda_runtime_api.h>

namespace ppplan::exec::cuda {

Issuer::Issuer(int gpu) : thread_([this, gpu] { serve(gpu); }) {}

Issuer::~Issuer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Issuer::hand_over(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
  }
  changed_.notify_all();
}

// A GPU that can't be made current shows in the first call that uses it.
void Issuer::serve(int gpu) {
  cudaSetDevice(gpu);
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !work_.empty(); });
    if (work_.empty()) return;
    const std::function<void()> work = std::move(work_.front());
    work_.pop_front();
    lock.unlock();
    work();
    lock.lock();
  }
}

}  // namespace ppplan::exec::cuda
