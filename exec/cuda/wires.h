// How activations and tokens get from stage to stage. Copies between GPUs of one process; others implement Wires.
#pragma once

#include <cstddef>
#include <set>
#include <utility>

#include "exec/cuda/stream_backend.h"

namespace ppplan::exec::cuda {

/// One message from a buffer of the sender's GPU to one of the receiver's. Of a side that is elsewhere, the GPU is
/// kElsewhere and the buffer nullptr.
struct Message {
  int from_stage = 0;
  int to_stage = 0;
  int from_gpu = 0;
  int to_gpu = 0;
  const void* from = nullptr;
  void* to = nullptr;
  std::size_t bytes = 0;
};

class Wires {
 public:
  virtual ~Wires() = default;
  /// Enqueues the message, or the side of it that is here. Throws DeviceError.
  virtual void carry(const Message& message, const TransferStreams& streams) = 0;
};

/// The sender's GPU writes into the receiver's, or copies within itself. Where the hardware lets one GPU reach the
/// memory of the other, it is allowed to with their first message; elsewhere the driver goes through the host. Both
/// sides are here.
class LocalWires : public Wires {
 public:
  void carry(const Message& message, const TransferStreams& streams) override;

 private:
  void allow_access(int from_gpu, int to_gpu);
  std::set<std::pair<int, int>> asked_;  // from GPU, to GPU
};

}  // namespace ppplan::exec::cuda
