// This process's end of an NCCL communicator whose calls don't block: a rank whose peer never comes, hangs or dies
// keeps control, and can give the communicator up whatever NCCL is at.
#pragma once

#include "exec/cuda/device_wait.h"
#include "exec/cuda/nccl_library.h"

namespace ppplan::exec::cuda {

/// Of a new communicator. Throws DeviceError.
NcclId new_id(const NcclCalls& calls);

/// Several calls as one. A group that is left by an exception is ended too, so that the thread's next one is its own.
class CallGroup {
 public:
  explicit CallGroup(const NcclCalls& calls);
  ~CallGroup();
  CallGroup(const CallGroup&) = delete;
  CallGroup& operator=(const CallGroup&) = delete;
  void end();

 private:
  const NcclCalls& calls_;
  bool ended_ = false;
};

class Communicator {
 public:
  Communicator() = default;
  /// Begins: this end's GPU is the current one, and the other ranks make their ends at the same time. `max_blocks` > 0
  /// bounds the thread blocks that a message takes from compute. `calls` outlives it. Throws DeviceError.
  Communicator(const NcclCalls& calls, const NcclId& id, int ranks, int rank, int max_blocks = 0);
  /// Gives up what was not closed: what is under way ends, undone.
  ~Communicator();
  Communicator(Communicator&& other) noexcept;
  Communicator& operator=(Communicator&& other) noexcept;
  operator NcclComm() const { return comm_; }
  explicit operator bool() const { return comm_ != nullptr; }

  /// Until NCCL has taken over what was called: before that, no event on the stream counts it in. Throws DeviceError
  /// with `what` when NCCL fails or the deadline passes, and what `look` throws.
  void settle(const Patience& patience, const char* what) const;
  /// Throws DeviceError when NCCL has noticed a failure. Doesn't wait.
  void check() const;
  /// All messages have ended. Every rank begins to close, and only then waits for its close.
  void begin_close();
  void close(const Patience& patience);

 private:
  void give_up();
  const NcclCalls* calls_ = nullptr;
  NcclComm comm_ = nullptr;
};

}  // namespace ppplan::exec::cuda
