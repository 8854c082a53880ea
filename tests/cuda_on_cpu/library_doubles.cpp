// The libraries of this machine, where the backend asks for them: the doubles.
#include "tests/cuda_on_cpu/blas.h"
#include "tests/cuda_on_cpu/nccl.h"

namespace ppplan {

const kernels::cuda::BlasCalls& kernels::cuda::blas_library() { return cuda_on_cpu::blas_calls(); }
const exec::cuda::NcclCalls& exec::cuda::nccl_library() { return cuda_on_cpu::nccl_calls(); }

}  // namespace ppplan
