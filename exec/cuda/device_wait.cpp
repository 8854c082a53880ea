#include "exec/cuda/device_wait.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "kernels/cuda/owners.h"

namespace ppplan::exec::cuda {

bool has_ended(cudaEvent_t event) {
  const cudaError_t status = cudaEventQuery(event);
  if (status != cudaErrorNotReady) kernels::cuda::check(status, "cudaEventQuery(event)");
  cudaGetLastError();  // what is not ready yet counts as the last error
  return status == cudaSuccess;
}

void await(const std::function<bool()>& holds, const Patience& patience, const char* what) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::duration<double>(patience.deadline_s);
  while (!holds()) {
    patience.look();
    if (Clock::now() > deadline)
      throw kernels::cuda::DeviceError(fmt::format("waited {:g} s for {}", patience.deadline_s, what));
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

void await_stream(cudaStream_t stream, const Patience& patience, const char* what) {
  const kernels::cuda::Event event = kernels::cuda::make_event();
  PPPLAN_CHECK(cudaEventRecord(event, stream));
  await([&] { return has_ended(event); }, patience, what);
}

}  // namespace ppplan::exec::cuda
