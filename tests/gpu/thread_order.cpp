// A GPU orders its threads itself.
#include "tests/cuda_on_cpu/execution.h"

namespace ppplan::cuda_on_cpu {

void set_thread_order(std::uint32_t) {}

}  // namespace ppplan::cuda_on_cpu
