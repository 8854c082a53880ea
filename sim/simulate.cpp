#include "sim/simulate.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string_view>

#include "planner/input/input_error.h"
#include "planner/schedule/deadlock.h"
#include "sim/activity_graph.h"
#include "sim/run_graph.h"
#include "sim/workers.h"

namespace ppplan::sim {
namespace {

using input::InputError;
using schedule::Schedule;

std::string which(std::size_t number, std::size_t count) {
  return count == 1 ? "simulate: " : "simulate: schedule " + std::to_string(number) + ": ";
}

std::vector<ActivityGraph> graphs(std::span<const Schedule> schedules, FlowRoutes& routes) {
  std::vector<ActivityGraph> out;
  for (std::size_t k = 0; k < schedules.size(); ++k) {
    const std::vector<std::string> wrong = schedule::faults(schedules[k]);
    if (!wrong.empty()) throw InputError(which(k, schedules.size()) + wrong.front());
    out.push_back(activity_graph(schedules[k], routes));
  }
  return out;
}

/// Schedules [begin, end) that one process simulates, one after another on one machine.
struct Share {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Small schedules go together, since making a machine takes as long as some thousand activities. How they go together
/// depends on nothing but the schedules: a clock that has run before rounds differently in the last place, and the
/// result must not depend on the number of processors.
std::vector<Share> shares(const std::vector<ActivityGraph>& graphs) {
  constexpr std::size_t enough_activities = 10'000;
  std::vector<Share> out;
  std::size_t activities = enough_activities;
  for (std::size_t k = 0; k < graphs.size(); ++k) {
    if (activities >= enough_activities) {
      out.push_back({k, k});
      activities = 0;
    }
    ++out.back().end;
    activities += graphs[k].size();
  }
  return out;
}

std::vector<std::string> names(const std::vector<Share>& shares) {
  std::vector<std::string> out;
  for (const Share& share : shares)
    out.push_back("simulation of schedules " + std::to_string(share.begin) + " to " + std::to_string(share.end - 1));
  return out;
}

/// In a worker: the intervals of all activities of a share, as bytes.
std::string simulate_share(const std::vector<ActivityGraph>& graphs, Share share, const MachineSpec& spec) {
  std::string bytes;
  auto* machine = new Machine(spec);  // never deleted: the process ends by _exit, and SimGrid does not like to be ended
  for (std::size_t k = share.begin; k < share.end; ++k) {
    const std::vector<Interval> intervals = run_graph(graphs[k], *machine);
    bytes.append(reinterpret_cast<const char*>(intervals.data()), intervals.size() * sizeof(Interval));
  }
  return bytes;
}

/// Takes the intervals of the next `count` activities from the front of `bytes`.
std::vector<Interval> next_intervals(std::string_view& bytes, std::size_t count) {
  std::vector<Interval> intervals(count);
  const std::size_t size = count * sizeof(Interval);
  if (size > bytes.size()) throw std::runtime_error("a simulation worker returned too few bytes");
  if (size > 0) std::memcpy(intervals.data(), bytes.data(), size);
  bytes.remove_prefix(size);
  return intervals;
}

traces::Timeline timeline(const Schedule& schedule, const ActivityGraph& graph,
                          const std::vector<Interval>& intervals) {
  traces::Timeline out{.origin = "simulated", .devices = {}, .spans = {}};
  for (const auto& device : schedule.devices) out.devices.push_back(device.name);
  out.spans.reserve(schedule.ops.size());
  for (std::size_t id = 0; id < schedule.ops.size(); ++id) {
    const schedule::Op& op = schedule.ops[id];
    const Interval& when = intervals[static_cast<std::size_t>(graph.activity_of[id])];
    out.spans.push_back({op.device, op.key, when.start_s, when.end_s, op.bytes});
  }
  traces::sort_spans(out);
  return out;
}

}  // namespace

std::vector<traces::Timeline> simulate(std::span<const Schedule> schedules, const spec::ClusterSpec& cluster) {
  FlowRoutes routes(cluster);
  const std::vector<ActivityGraph> all = graphs(schedules, routes);
  const MachineSpec spec{routes.link_bytes_per_s(), routes.routes()};
  const std::vector<Share> parts = shares(all);
  const std::vector<std::string> results = run_in_workers(
      names(parts), processor_count(), [&](std::size_t part) { return simulate_share(all, parts[part], spec); });
  std::vector<traces::Timeline> timelines;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    std::string_view bytes = results[part];
    for (std::size_t k = parts[part].begin; k < parts[part].end; ++k) {
      const std::vector<Interval> intervals = next_intervals(bytes, all[k].size());
      if (std::ranges::any_of(intervals, [](const Interval& when) { return std::isnan(when.end_s); }))
        throw InputError(which(k, schedules.size()) + schedule::can_complete(schedules[k]).reason);
      timelines.push_back(timeline(schedules[k], all[k], intervals));
    }
  }
  return timelines;
}

}  // namespace ppplan::sim
