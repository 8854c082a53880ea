// What Linear chose, without the toolkit's types.
#pragma once

#include <vector>

#include "exec/cuda_execution.h"
#include "kernels/cuda/linear.h"

namespace ppplan::exec::cuda {

std::vector<GemmChoice> gemm_choices(const std::vector<kernels::cuda::LinearChoice>& choices);

}  // namespace ppplan::exec::cuda
