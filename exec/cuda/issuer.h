// The one thread that makes all calls of CUDA and NCCL for a GPU: NCCL doesn't allow several, and one order of issuing
// is one less thing that can deadlock.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

namespace ppplan::exec::cuda {

class Issuer {
 public:
  explicit Issuer(int gpu);
  ~Issuer();
  Issuer(const Issuer&) = delete;
  Issuer& operator=(const Issuer&) = delete;

  /// Runs `call` on the thread, with the GPU current, after what was handed over before, and returns its result or
  /// throws its exception.
  template <typename Call>
  auto run(Call call) {
    std::packaged_task<decltype(call())()> task(std::move(call));
    auto result = task.get_future();
    hand_over([&task] { task(); });
    return result.get();
  }

 private:
  void hand_over(std::function<void()> work);
  void serve(int gpu);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ppplan::exec::cuda
