// Waits for GPUs that end: with a deadline, and with an eye on what else may end the run.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>

namespace ppplan::exec::cuda {

/// How long to wait, and what to look at meanwhile.
struct Patience {
  double deadline_s = 10;
  std::function<void()> look = [] {};  // throws when the run has failed
};

/// Whether what was recorded has come to pass; true of an event that was never recorded. Throws DeviceError.
bool has_ended(cudaEvent_t event);

/// Until `holds`; asks again and again. Throws what `look` throws, and DeviceError "waited 10 s for WHAT".
void await(const std::function<bool()>& holds, const Patience& patience, const char* what);

/// Until everything on the stream has ended, which is one of the current device. Throws as await.
void await_stream(cudaStream_t stream, const Patience& patience, const char* what);

}  // namespace ppplan::exec::cuda
