// How long stages compute beside each other and alone.
#pragma once

#include <vector>

#include "exec/cuda/stream_backend.h"
#include "exec/cuda_execution.h"

namespace ppplan::exec::cuda {

/// [device of the schedule]. `backend` has run the schedule and runs nothing now; its outputs are lost. Throws
/// DeviceError.
std::vector<StageBusy> stage_busy(const schedule::Schedule& schedule, StreamBackend& backend,
                                  const std::vector<traces::Timeline>& measured);

}  // namespace ppplan::exec::cuda
