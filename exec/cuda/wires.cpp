#include "exec/cuda/wires.h"

#include "kernels/cuda/owners.h"

namespace ppplan::exec::cuda {

void LocalWires::carry(const Message& message, const TransferStreams& streams) {
  const kernels::cuda::DeviceScope sender(message.from_gpu);
  if (message.from_gpu == message.to_gpu)
    PPPLAN_CHECK(cudaMemcpyAsync(message.to, message.from, message.bytes, cudaMemcpyDeviceToDevice, streams.send));
  else
    PPPLAN_CHECK(
        cudaMemcpyPeerAsync(message.to, message.to_gpu, message.from, message.from_gpu, message.bytes, streams.send));
}

}  // namespace ppplan::exec::cuda
