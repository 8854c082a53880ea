#include "exec/cuda/captured.h"

namespace ppplan::exec::cuda {

kernels::cuda::GraphExec captured(cudaStream_t stream, const std::function<void()>& enqueue) {
  cudaGraph_t graph = nullptr;
  PPPLAN_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  try {
    enqueue();
  } catch (...) {
    cudaStreamEndCapture(stream, &graph);
    const kernels::cuda::Graph owner(graph);
    throw;
  }
  PPPLAN_CHECK(cudaStreamEndCapture(stream, &graph));
  const kernels::cuda::Graph owner(graph);
  cudaGraphExec_t executable = nullptr;
  PPPLAN_CHECK(cudaGraphInstantiate(&executable, graph, 0));
  return kernels::cuda::GraphExec(executable);
}

}  // namespace ppplan::exec::cuda
