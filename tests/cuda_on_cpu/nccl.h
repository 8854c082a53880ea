// A double of the NCCL calls that transfers use, on the streams of runtime.h. A send ends when its receive has begun
// and not before (rendezvous: nothing is buffered), operations of a group progress together, and two ranks of a process
// on one device are refused. Errors are injected by the names of the calls.
#pragma once

#include "exec/cuda/nccl_library.h"

namespace ppplan::cuda_on_cpu {

const exec::cuda::NcclCalls& nccl_calls();

}  // namespace ppplan::cuda_on_cpu
