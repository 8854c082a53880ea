// The operations of a schedule as a graph in which a transfer is one node, named by its Send.
#pragma once

#include <vector>

#include "planner/schedule/schedule.h"

namespace ppplan::report {

inline std::size_t at(schedule::OpId id) { return static_cast<std::size_t>(id); }

struct OperationGraph {
  std::vector<schedule::OpId> node;                  // [op] the Send of a transfer, the op itself otherwise
  std::vector<schedule::LaneKind> lane;              // [op] the kind of lane it runs on
  std::vector<std::vector<schedule::OpId>> awaited;  // [node] nodes that its `after` lists (of both ends) name
  std::vector<schedule::OpId> order;                 // every node, after all that it awaits
};

/// From the `after` lists alone: the order of the lanes plays no part. Throws InputError when ops wait for each other
/// in a circle, or an id or a device is not there.
OperationGraph operation_graph(const schedule::Schedule& schedule);

/// The runs of a lane's ops that are issued together: one op, or a maximal run of ops that share a group >= 0.
std::vector<std::vector<schedule::OpId>> issue_units(const schedule::Schedule& schedule, const schedule::Lane& lane);

}  // namespace ppplan::report
