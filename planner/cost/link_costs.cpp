#include "planner/cost/link_costs.h"

#include <algorithm>

#include "planner/cost/layer_operations.h"

namespace ppplan::cost {
namespace {

double message_s(const spec::Plan& plan, const CostBook& book, int from, int to, double bytes) {
  const auto hops = spec::route(plan.cluster, from, to);
  const double rate = spec::bandwidth_bytes_per_s(plan.cluster, hops);
  const auto& sender = plan.cluster.devices[static_cast<std::size_t>(from)];
  return book.message(sender, spec::slowest_kind(plan.cluster, hops), rate, bytes).latency_s +
         spec::latency_s(plan.cluster, hops);
}

double gather_s(const spec::Plan& plan, const std::vector<int>& group, double bytes) {
  if (plan.parallel.tp == 1) return 0;
  const auto& device = plan.cluster.devices[static_cast<std::size_t>(group.front())];
  const Place place{plan.model, device, plan.parallel.tp, group_link(plan.cluster, group), nullptr};
  return 0.5 * all_reduce_time(place, bytes).seconds;
}

bool on_host(const spec::Plan& plan) { return plan.cluster.devices.front().name == "cpu-core"; }

}  // namespace

Boundary boundary_cost(const spec::Plan& plan, const CostBook& book, std::size_t s, const spec::BatchShape& shape) {
  Boundary out;
  out.bytes = spec::boundary_bytes_per_token(plan.model) * shape.tokens();
  const double slice = static_cast<double>(out.bytes) / plan.parallel.tp;
  for (std::size_t r = 0; r < plan.stages[s].devices.size(); ++r) {
    const auto& from = plan.stages[s].devices[r];
    const auto& to = plan.stages[s + 1].devices[r];
    const double latency =
        message_s(plan, book, from.front(), to.front(), slice) + gather_s(plan, to, static_cast<double>(out.bytes));
    out.latency_s = std::max(out.latency_s, latency);
  }
  return out;
}

double token_return_s(const spec::Plan& plan, const CostBook& book, const spec::BatchShape& shape) {
  if (!on_host(plan)) return 0.5e-3;
  const int from = plan.stages.back().devices.front().front(), to = plan.stages.front().devices.front().front();
  return message_s(plan, book, from, to, 4.0 * shape.sequences);
}

spec::LinkKind group_link(const spec::ClusterSpec& cluster, const std::vector<int>& group) {
  auto kind = spec::LinkKind::nvlink;
  bool first = true;
  for (const int member : group) {
    if (member == group.front()) continue;
    const auto here = spec::slowest_kind(cluster, spec::route(cluster, group.front(), member));
    kind = first || here == spec::LinkKind::network || (here == spec::LinkKind::pcie && kind == spec::LinkKind::nvlink)
               ? here
               : kind;
    first = false;
  }
  return kind;
}

}  // namespace ppplan::cost
