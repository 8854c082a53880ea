// Jobs in forked processes, because SimGrid allows one platform a process.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace ppplan::sim {

/// Processors this process may run on.
std::size_t processor_count();

/// The bytes that job(0), ..., job(names.size() - 1) return, in order. Each runs in a process of its own, at most
/// `at_a_time` of them together, started in order. No thread may run in the caller meanwhile.
///
/// Throws std::runtime_error with "NAME: " and the message of a job that threw, or how its process died. By then, as
/// after success, no process of ours is left.
std::vector<std::string> run_in_workers(const std::vector<std::string>& names, std::size_t at_a_time,
                                        const std::function<std::string(std::size_t)>& job);

}  // namespace ppplan::sim
