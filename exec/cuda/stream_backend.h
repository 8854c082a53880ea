// What the ops of a schedule enqueue on GPUs: the counterpart of Backend (run_schedule.h), whose calls last until the
// work has ended, for streams, on which calls come long before it.
#pragma once

#include <cuda_runtime_api.h>

#include "kernels/cuda/owners.h"
#include "planner/schedule/schedule.h"

namespace ppplan::exec::cuda {

/// In place of the GPU of a device that another process holds.
inline constexpr int kElsewhere = -1;

/// Of a transfer: on the GPU of the sender and on that of the receiver; nullptr of a side that is elsewhere.
struct TransferStreams {
  cudaStream_t send = nullptr;
  cudaStream_t recv = nullptr;
};

/// What ops enqueue. Calls come from one thread, with the GPU of the device current, of a transfer the receiver's where
/// that is here.
class StreamBackend {
 public:
  virtual ~StreamBackend() = default;
  /// The GPU of a device of the schedule, or kElsewhere.
  virtual int gpu(int device) const = 0;
  /// A stream for a device's ops, on its GPU, which is current.
  virtual kernels::cuda::Stream make_stream(int /*device*/, kernels::cuda::Urgency urgency) {
    return kernels::cuda::make_stream(urgency);
  }
  virtual void compute(const schedule::Op& op, cudaStream_t stream) = 0;
  /// What is enqueued on either stream belongs to the transfer, which has ended when both have. With one side
  /// elsewhere, what is enqueued for the other ends when the two have met. `slot` counts receive buffers as in
  /// Backend::transfer (run_schedule.h).
  virtual void transfer(const schedule::Op& send, const schedule::Op& recv, int slot,
                        const TransferStreams& streams) = 0;
};

}  // namespace ppplan::exec::cuda
