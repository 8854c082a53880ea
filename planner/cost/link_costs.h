// What moves between stages, and what of it no link shares.
//
// A transfer takes latency_s (launch and handshake of the message, measured where a curve exists) and then bytes over
// the links of its route, which it may share. With a tensor-parallel group of t ranks each rank sends 1/t of the
// tensors to its counterpart, and the receiving group gathers the slices again: half an all-reduce of the whole,
// counted in latency_s because it runs on links of the group alone. Source: vLLM's send_tensor_dict.
#pragma once

#include "planner/cost/cost_book.h"
#include "planner/spec/plan.h"

namespace ppplan::cost {

struct Boundary {
  double latency_s = 0;
  std::int64_t bytes = 0;  // all ranks together
};

/// Out of stage `s`, the slowest replica deciding the latency. Needs s + 1 < stages.
Boundary boundary_cost(const spec::Plan& plan, const CostBook& book, std::size_t s, const spec::BatchShape& shape);

/// Sampled tokens back from the last stage to the first: on ppplan's own executor one message; under vLLM a round trip
/// through the engine core, 0.5 ms [assumed].
double token_return_s(const spec::Plan& plan, const CostBook& book, const spec::BatchShape& shape);

/// The slowest kind of link inside a tensor-parallel group.
spec::LinkKind group_link(const spec::ClusterSpec& cluster, const std::vector<int>& group);

}  // namespace ppplan::cost
