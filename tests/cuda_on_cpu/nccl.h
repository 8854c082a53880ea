// A double of the NCCL calls that transfers use, on the streams of runtime.h. A send ends when its receive has begun
// and not before (rendezvous: nothing is buffered), a collective when all ranks have begun it, operations of a group
// progress together, and two ranks on one device are refused, unless the machine lets them. A communicator that doesn't
// block takes a call over only after it was asked a few times whether it has. Errors are injected by the names of the
// calls.
#pragma once

#include "exec/cuda/nccl_library.h"

namespace ppplan::cuda_on_cpu {

const exec::cuda::NcclCalls& nccl_calls();

}  // namespace ppplan::cuda_on_cpu
