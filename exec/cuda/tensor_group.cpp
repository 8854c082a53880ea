#include "exec/cuda/tensor_group.h"

#include "kernels/cuda/owners.h"

namespace ppplan::exec::cuda {

void TensorGroup::connect(const NcclId& id, const Patience& patience) {
  patience_ = patience;
  comm_ = Communicator(calls_, id, part_.size, part_.rank);
  comm_.settle(patience_, "ncclCommInitRankConfig");
}

void TensorGroup::warm_up() {
  const kernels::cuda::Stream stream = kernels::cuda::make_stream();
  const kernels::cuda::DeviceArray<Bf16> value(1);
  try {
    sum(value.data(), 1, stream);
    await_stream(stream, patience_, "the first sum of a tensor-parallel group");
  } catch (...) {
    give_up();  // before the value is freed, which waits for what still runs
    throw;
  }
}

void TensorGroup::sum(Bf16* values, std::size_t count, cudaStream_t stream) {
  if (!taker_) return enqueue_sum(values, count, stream);
  taker_([=, this](cudaStream_t later) { enqueue_sum(values, count, later); });
}

void TensorGroup::gather(const Bf16* mine, std::size_t count, Bf16* all, cudaStream_t stream) {
  if (!taker_) return enqueue_gather(mine, count, all, stream);
  taker_([=, this](cudaStream_t later) { enqueue_gather(mine, count, all, later); });
}

void TensorGroup::enqueue_sum(Bf16* values, std::size_t count, cudaStream_t stream) {
  PPPLAN_CHECK_NCCL(calls_, ncclAllReduce(values, values, count, NcclType::bf16, NcclReduction::sum, comm_, stream));
  comm_.settle(patience_, "ncclAllReduce");
}

void TensorGroup::enqueue_gather(const Bf16* mine, std::size_t count, Bf16* all, cudaStream_t stream) {
  PPPLAN_CHECK_NCCL(calls_, ncclAllGather(mine, all, count, NcclType::bf16, comm_, stream));
  comm_.settle(patience_, "ncclAllGather");
}

void TensorGroup::close() {
  comm_.begin_close();
  comm_.close(patience_);
}

}  // namespace ppplan::exec::cuda
