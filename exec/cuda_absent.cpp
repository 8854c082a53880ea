// The CUDA backend of a build without the toolkit.
#include <stdexcept>

#include "exec/cuda_execution.h"
#include "exec/cuda_profile.h"

namespace ppplan::exec {

CudaMachine cuda_machine() {
  return {false, 0, "no CUDA device: this build has no CUDA backend (PPPLAN_CUDA=OFF, or no CUDA toolkit 12 or newer)"};
}

CudaExecution execute_on_gpus(const PipelineRun&, const schedule::Schedule&, const CudaExecutionOptions&,
                              const RunStep&) {
  throw std::runtime_error(cuda_machine().why);
}

std::unique_ptr<CudaRank> make_cuda_rank(const PipelineRun&, const TensorRank&, const schedule::Schedule&, int) {
  throw std::runtime_error(cuda_machine().why);
}

CudaProfile profile_gpu(const CudaProfileOptions&,
                        const std::function<void(double fraction, const std::string& what)>&) {
  throw std::runtime_error(cuda_machine().why);
}

}  // namespace ppplan::exec
