// How the ranks of a tensor-parallel group put their parts together on their GPUs: one communicator, used on one stream
// in the order of the program, which is the same on all ranks.
#pragma once

#include <functional>
#include <utility>

#include "exec/cuda/communicator.h"
#include "exec/tensor_part.h"
#include "kernels/cuda/operations.h"

namespace ppplan::exec::cuda {

using kernels::cuda::Bf16;

class TensorGroup {
 public:
  /// Not connected yet. `calls` outlives it.
  TensorGroup(const NcclCalls& calls, const TensorRank& part) : calls_(calls), part_(part) {}
  const TensorRank& part() const { return part_; }
  /// All ranks of the group call it at the same time, on their GPUs. Throws DeviceError, and what `look` throws.
  void connect(const NcclId& id, const Patience& patience);
  /// Enqueues a first sum: NCCL makes its connections with it. Waits, as connect().
  void warm_up();

  /// values = the sum of all ranks' values, the same bits on all of them.
  void sum(Bf16* values, std::size_t count, cudaStream_t stream);
  /// all [size, count] = every rank's `mine` [count].
  void gather(const Bf16* mine, std::size_t count, Bf16* all, cudaStream_t stream);

  /// A sum or a gather that was called for, to be enqueued when it is called.
  using Collective = std::function<void(cudaStream_t stream)>;
  using Taker = std::function<void(Collective collective)>;
  /// While `taker` is not empty, it gets every collective instead of the stream.
  void set_aside(Taker taker) { taker_ = std::move(taker); }

  /// As NcclWires.
  void check() const { comm_.check(); }
  void close();
  void give_up() { comm_ = {}; }

 private:
  void enqueue_sum(Bf16* values, std::size_t count, cudaStream_t stream);
  void enqueue_gather(const Bf16* mine, std::size_t count, Bf16* all, cudaStream_t stream);

  const NcclCalls& calls_;
  TensorRank part_;
  Taker taker_;
  Patience patience_;
  Communicator comm_;
};

}  // namespace ppplan::exec::cuda
