// profile_gpu (cuda_profile.h) with the libraries as it is given them.
#pragma once

#include "exec/cuda/nccl_library.h"
#include "exec/cuda_profile.h"
#include "kernels/cuda/blas_library.h"

namespace ppplan::exec::cuda {

/// `nccl` may be missing unless the transport is NCCL.
CudaProfile profile_gpu(const CudaProfileOptions& options, const kernels::cuda::BlasCalls& blas, const NcclCalls* nccl,
                        const std::function<void(double fraction, const std::string& what)>& progress);

}  // namespace ppplan::exec::cuda
