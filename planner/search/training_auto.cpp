#include "planner/search/training_auto.h"

#include <algorithm>
#include <limits>

#include "planner/schedule/auto_order.h"
#include "planner/schedule/order_layout.h"
#include "planner/search/training_candidate.h"

namespace ppplan::search {
namespace {

using schedule::TrainingOrder;
using spec::TrainingPlan;

constexpr double time_limit_s = 10;  // rarely reached: the search ends after a fixed number of moves

/// Neighbours together, so that `positions` are left; needs a multiple of them.
std::vector<int> grouped(const std::vector<int>& partition, std::size_t positions) {
  const std::size_t together = partition.size() / positions;
  std::vector<int> out(positions, 0);
  for (std::size_t i = 0; i < partition.size(); ++i) out[i / together] += partition[i];
  return out;
}

/// Those of one pipe on which an order may be: as many stages a rank as divide the plan's, looped or in a V.
std::vector<TrainingOrder> layouts(const TrainingPlan& plan) {
  const int p = plan.parallel.pp, m = plan.settings.micro_batches, most = plan.settings.chunks;
  std::vector<TrainingOrder> out;
  for (int chunks = 1; chunks <= most; ++chunks) {
    if (most % chunks != 0) continue;
    out.push_back(schedule::looped_layout(p, m, chunks));
    if (chunks == 2) out.push_back(schedule::v_layout(p, m));
  }
  return out;
}

/// [rank] bytes for activations, on any of the layouts.
std::vector<double> least_room(const TrainingPlan& plan, cost::CostBook& book) {
  std::vector<double> out(plan.ranks.size(), std::numeric_limits<double>::infinity());
  for (const TrainingOrder& layout : layouts(plan)) {
    TrainingPlan on_it = plan;
    on_it.partition = grouped(plan.partition, layout.pipes.front().size());
    const std::vector<double> room = training_limits(on_it, layout, book).activation_bytes;
    std::ranges::transform(out, room, out.begin(), [](double a, double b) { return std::min(a, b); });
  }
  return out;
}

schedule::AutoRequest request_for(const TrainingPlan& plan, cost::CostBook& book) {
  schedule::AutoRequest out;
  out.ranks = plan.parallel.pp;
  out.micro_batches = plan.settings.micro_batches;
  out.chunks = plan.settings.chunks;
  TrainingPlan looped = plan;
  out.costs = training_limits(looped, schedule::looped_layout(out.ranks, out.micro_batches, out.chunks), book).costs;
  out.memory_limit = least_room(plan, book);
  out.time_limit_s = time_limit_s;
  out.only_divisors = true;
  return out;
}

TrainingPlan assessed(const TrainingPlan& draft, const schedule::AutoOrder& found, cost::CostBook& book) {
  TrainingPlan out = draft;
  out.partition = grouped(draft.partition, found.order.pipes.front().size());
  out.settings.chunks = static_cast<int>(found.order.rank_of.size()) / draft.parallel.pp;
  out.settings.order = found.winner;
  assess_training(out, found.order, book);
  return out;
}

}  // namespace

void order_automatically(TrainingPlan& plan, cost::CostBook& book) {
  schedule::AutoRequest request = request_for(plan, book);
  const schedule::AutoOrder found = auto_order(request);
  TrainingPlan best = assessed(plan, found, book);
  if (best.verdict == spec::Verdict::oom && found.order.pipes.size() > 1) {
    request.mirrored = false;
    best = assessed(plan, auto_order(request), book);
  }
  plan = std::move(best);
}

}  // namespace ppplan::search
