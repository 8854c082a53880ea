// Which device takes which rank: orders of a mixed cluster's devices worth trying for one (tp, pp, dp).
//
// A tensor-parallel group lies on equal cards of one node, taken so that its slowest link is as fast as can be, and the
// pipeline goes across what differs. Groups of one kind on one node are alike, so an order is a sequence of kinds; the
// stages of a replica visit each node once, as engines place ranks node by node. What a stage can hold depends on its
// card and on the ends (embedding, head), so all sequences are tried while they are few; beyond `most` of them the
// first and the last stage are varied and the kinds between stay together, larger memory first.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "planner/search/question.h"
#include "planner/spec/plan.h"

namespace ppplan::search {

/// [rank] -> index into the cluster's devices, for tp * pp * dp ranks numbered as engines::rank_of does.
using DeviceOrder = std::vector<int>;

/// 0, 1, 2, ...: devices as they were given.
DeviceOrder given_order(const spec::Parallel& parallel);
/// The given order first where it is possible, at most `most` in all; empty when no order is possible. Equal cards on
/// one node have only the given order.
std::vector<DeviceOrder> device_orders(const spec::ClusterSpec& cluster, const spec::Parallel& parallel,
                                       std::size_t most);
/// The same for a question: only the given order where the request keeps it or pins a partition, whose entries belong
/// to devices; a pinned tp may cross nodes when nothing else is possible.
std::vector<DeviceOrder> device_orders(const Question& question, const spec::Parallel& parallel, std::size_t most);
/// Why a card of `order` can't serve the question's model ("fp8 weights on t4: ..."); "" when all can.
std::string order_fault(const Question& question, const DeviceOrder& order);
/// Why the groups of `order` are none: unequal cards, or more than one node ("TP 4: devices 2 and 3 of one group would
/// be rtx3090 and rtx3060"); "" when they are.
std::string group_fault(const spec::ClusterSpec& cluster, const spec::Parallel& parallel, const DeviceOrder& order,
                        bool nodes_may_differ);

}  // namespace ppplan::search
