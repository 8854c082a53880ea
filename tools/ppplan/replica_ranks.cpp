#include "tools/ppplan/replica_ranks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "exec/sample_statistics.h"
#include "planner/input/input_error.h"

namespace ppplan::tools {

ReplicaPlace replica_place(const spec::Plan& plan, const exec::launch::JobPlace& place, int ranks) {
  const int replicas = place.size / ranks;
  if (place.size % ranks != 0 || replicas < 1 || replicas > plan.parallel.dp)
    throw input::InputError(fmt::format(
        "{}: expected {} rank{} for the plan's {} stage{}{}{}, found {}", place.launcher, ranks, ranks == 1 ? "" : "s",
        plan.stages.size(), plan.stages.size() == 1 ? "" : "s",
        plan.parallel.tp > 1 ? fmt::format(" of {} GPUs", plan.parallel.tp) : "",
        plan.parallel.dp > 1 ? fmt::format(", or as many for each of up to {} replicas", plan.parallel.dp) : "",
        place.size));
  return {ranks, replicas, place.rank / ranks, place.rank % ranks};
}

int replicas_for(const spec::Plan& plan, int ranks, int room) {
  return std::clamp(room / ranks, 1, std::max(1, plan.parallel.dp));
}

std::unique_ptr<exec::Group> everyone_of(exec::groups::World& world) {
  std::vector<int> all(static_cast<std::size_t>(world.size()));
  std::iota(all.begin(), all.end(), 0);
  return world.group("all replicas", all);
}

std::uint64_t seed_of(std::uint64_t seed, int replica) { return seed + static_cast<std::uint64_t>(replica); }

double median_makespan_s(const std::vector<traces::Timeline>& measured) {
  std::vector<double> seconds;
  for (const traces::Timeline& timeline : measured) seconds.push_back(traces::makespan_s(timeline));
  return exec::quantile(std::move(seconds), 0.5);
}

std::vector<double> of_every_replica(exec::Group& everyone, const ReplicaPlace& place, double own) {
  std::vector<double> all(everyone.rank() == 0 ? static_cast<std::size_t>(everyone.size()) : 0), out;
  everyone.gather(std::as_bytes(std::span(&own, 1)), std::as_writable_bytes(std::span(all)), 0);
  for (std::size_t rank = 0; rank < all.size(); rank += static_cast<std::size_t>(place.ranks)) out.push_back(all[rank]);
  return out;
}

std::string replicas_text(const Execution& execution) {
  if (execution.planned_replicas < 2) return "";
  if (execution.replica_makespans_s.size() < 2)
    return fmt::format(
        "one of the plan's {} replicas ran, alone: what they take from each other is not in these times\n",
        execution.planned_replicas);
  std::vector<std::string> each;
  for (const double seconds : execution.replica_makespans_s) each.push_back(fmt::format("{:.3f}", 1e3 * seconds));
  return fmt::format(
      "{} of the plan's {} replicas ran side by side, each with micro-batches of its own: median makespans of {} ms; "
      "the comparison is of the first\n",
      each.size(), execution.planned_replicas, fmt::join(each, ", "));
}

input::Json replicas_json(const Execution& execution) {
  return {{"planned", execution.planned_replicas},
          {"ran", std::max<std::size_t>(1, execution.replica_makespans_s.size())},
          {"makespans_s", execution.replica_makespans_s}};
}

}  // namespace ppplan::tools
