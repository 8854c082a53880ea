// The CPUs that this process may use, and putting a thread on one of them.
#pragma once

#include <vector>

namespace ppplan::exec {

/// CPUs this process may use, in order.
std::vector<int> allowed_cores();
/// Binds the calling thread. Throws InputError when the CPU is not allowed.
void pin_to_core(int core);

}  // namespace ppplan::exec
