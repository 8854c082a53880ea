// The CPUs that this process may use, and putting threads on them.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace ppplan::exec {

/// CPUs this process may use, in order.
std::vector<int> allowed_cores();
/// Binds the calling thread. Throws InputError when the CPU is not allowed.
void pin_to_core(int core);
/// Runs `work(i)` on a thread of its own on cores[i], for every i at once, and waits for all. Rethrows what the first
/// of them threw, in the order of `cores`; work that waits for the others must not throw.
void on_cores(const std::vector<int>& cores, const std::function<void(std::size_t index)>& work);

}  // namespace ppplan::exec
