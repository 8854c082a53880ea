// Ways of starting ranks that are connected by sockets on this machine.
#pragma once

#include "exec/groups/tcp_world.h"
#include "tests/exec/group_suite.h"

namespace ppplan::tests {

/// Changes the settings of one rank before it joins.
using Change = std::function<void(exec::groups::TcpSettings&)>;

/// Ranks that are threads of this process.
Launch tcp_thread_launch(const Change& change = {});
/// Ranks that are processes forked from this one, which has no threads then. A rank that a signal ends has the outcome
/// "signal 9". Ranks that are stopped when all others have ended are killed.
Launch tcp_process_launch(const Change& change = {});

}  // namespace ppplan::tests
