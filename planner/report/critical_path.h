// The chain of operations that the makespan consists of.
#pragma once

#include <vector>

#include "planner/report/bubble_report.h"
#include "planner/report/op_times.h"
#include "planner/report/operation_graph.h"
#include "planner/schedule/schedule.h"

namespace ppplan::report {

/// Goes back from the operation that ends last, each time to what ended last of all that it waited for: its `after`
/// lists, what its lanes issued before it, and the consumers of the transfer whose receive buffer it took over. A
/// transfer is one step, reported as its Send. Among equal ends a compute op is preferred, then the lowest id. In a
/// simulated timeline each step starts when the previous one ends; a measured one may leave gaps. Throws InputError
/// when the lanes wait in a circle.
std::vector<PathStep> critical_path(const schedule::Schedule& schedule, const OperationGraph& graph,
                                    const OpTimes& times);

}  // namespace ppplan::report
