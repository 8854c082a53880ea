#include "exec/cuda/wires.h"

#include "kernels/cuda/owners.h"

namespace ppplan::exec::cuda {

void LocalWires::allow_access(int from_gpu, int to_gpu) {
  if (!asked_.insert({from_gpu, to_gpu}).second) return;
  int can = 0;
  PPPLAN_CHECK(cudaDeviceCanAccessPeer(&can, from_gpu, to_gpu));
  if (can == 0) return;
  const cudaError_t status = cudaDeviceEnablePeerAccess(to_gpu, 0);  // of the current device
  if (status != cudaErrorPeerAccessAlreadyEnabled)
    kernels::cuda::check(status, "cudaDeviceEnablePeerAccess(to_gpu, 0)");
  cudaGetLastError();
}

void LocalWires::carry(const Message& message, const TransferStreams& streams) {
  const kernels::cuda::DeviceScope sender(message.from_gpu);
  if (message.from_gpu == message.to_gpu) {
    PPPLAN_CHECK(cudaMemcpyAsync(message.to, message.from, message.bytes, cudaMemcpyDeviceToDevice, streams.send));
    return;
  }
  allow_access(message.from_gpu, message.to_gpu);
  PPPLAN_CHECK(
      cudaMemcpyPeerAsync(message.to, message.to_gpu, message.from, message.from_gpu, message.bytes, streams.send));
}

}  // namespace ppplan::exec::cuda
