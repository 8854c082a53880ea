// Plan to Schedule: one pipeline per replica, all on the cluster's links.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "planner/cost/assess.h"
#include "planner/cost/rates.h"
#include "planner/input/input_error.h"
#include "planner/schedule/pipeline.h"

namespace ppplan::cost {
namespace {

schedule::MicroBatchCosts costs(const spec::Plan& plan, const spec::BatchTimes& times, bool decode) {
  return {stage_seconds(plan, times), times.boundary_latency_s, times.boundary_bytes,
          decode ? times.token_return_s : 0, times.alone_fraction};
}

schedule::PipelineShape shape_of(const spec::Plan& plan, std::size_t replica) {
  schedule::PipelineShape shape;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    shape.members.push_back(plan.stages[s].devices[replica]);
    shape.names.push_back(plan.parallel.dp > 1 ? fmt::format("replica {} stage {}", replica, s)
                                               : fmt::format("stage {}", s));
  }
  shape.receive_buffers = plan.micro_batching.receive_buffers;
  shape.busy_devices = plan.provenance.busy_cores;
  shape.send_blocks_next = plan.micro_batching.send_blocks_next;
  return shape;
}

schedule::Schedule one_replica(const spec::Plan& plan, Phase phase, int count, std::size_t replica) {
  const int decode = decode_index(plan);
  const schedule::PipelineShape shape = shape_of(plan, replica);
  if (phase == Phase::decode) {
    if (decode < 0) throw input::InputError("--phase: the plan's workload decodes nothing (output tokens is 1)");
    const std::vector<schedule::MicroBatchCosts> cohorts(static_cast<std::size_t>(decode_cohorts(plan)),
                                                         costs(plan, plan.times.back(), plan.stages.size() > 1));
    return schedule::decode_rounds(shape, cohorts, count);
  }
  const std::size_t chunks = plan.times.size() - (decode >= 0 ? 1 : 0);
  std::vector<schedule::MicroBatchCosts> classes;
  for (std::size_t c = 0; c < chunks; ++c) classes.push_back(costs(plan, plan.times[c], false));
  std::vector<int> class_of;
  for (int k = 0; k < count; ++k) class_of.push_back(k % static_cast<int>(chunks));
  return schedule::forward_stream(shape, classes, class_of);
}

/// Appends a replica's operations and devices, ids shifted.
void append(schedule::Schedule& all, schedule::Schedule one, int replica) {
  const int ops = static_cast<int>(all.ops.size()), devices = static_cast<int>(all.devices.size());
  for (schedule::Op& op : one.ops) {
    op.key.replica = replica;
    op.device += devices;
    if (op.peer >= 0) op.peer += devices;
    if (op.partner >= 0) op.partner += ops;
    for (schedule::OpId& id : op.after) id += ops;
    all.ops.push_back(std::move(op));
  }
  for (schedule::ScheduleDevice& device : one.devices) {
    for (schedule::Lane& lane : device.lanes) {
      if (lane.peer >= 0) lane.peer += devices;
      for (schedule::OpId& id : lane.ops) id += ops;
    }
    all.devices.push_back(std::move(device));
  }
}

/// The flows of one transfer load each link direction; the fullest one decides how long it takes alone.
double alone_s(const schedule::Schedule& schedule, const spec::ClusterSpec& cluster, const schedule::Op& op) {
  const auto& from = schedule.devices[static_cast<std::size_t>(op.device)].members;
  const auto& to = schedule.devices[static_cast<std::size_t>(op.peer)].members;
  const std::size_t flows = std::max(from.size(), to.size());
  std::map<std::pair<int, bool>, double> load;
  for (std::size_t i = 0; i < flows; ++i)
    for (const spec::Hop& hop : spec::route(cluster, from[i % from.size()], to[i % to.size()])) {
      const bool up = hop.up || cluster.links[static_cast<std::size_t>(hop.link)].half_duplex;
      load[{hop.link, up}] += static_cast<double>(op.bytes) / static_cast<double>(flows);
    }
  double longest = 0;
  for (const auto& [link, bytes] : load)
    longest = std::max(longest, bytes / cluster.links[static_cast<std::size_t>(link.first)].bandwidth_bytes_per_s);
  return op.seconds + longest;
}

}  // namespace

int default_count(const spec::Plan& plan, Phase phase) { return phase == Phase::prefill ? 4 * plan.parallel.pp : 8; }

schedule::Schedule expand(const spec::Plan& plan, Phase phase, int count) {
  schedule::Schedule all = one_replica(plan, phase, count, 0);
  for (int replica = 1; replica < plan.parallel.dp; ++replica)
    append(all, one_replica(plan, phase, count, static_cast<std::size_t>(replica)), replica);
  return all;
}

std::vector<double> uncontended_seconds(const schedule::Schedule& schedule, const spec::ClusterSpec& cluster) {
  std::vector<double> out(schedule.ops.size());
  for (std::size_t id = 0; id < out.size(); ++id) {
    const schedule::Op& op = schedule.ops[id];
    if (!schedule::is_transfer(op)) {
      out[id] = op.seconds * op.alone_fraction;
    } else if (op.key.kind == traces::sent(op.key.kind) && static_cast<schedule::OpId>(id) < op.partner) {
      out[id] = alone_s(schedule, cluster, op);
      out[static_cast<std::size_t>(op.partner)] = out[id];
    }
  }
  return out;
}

}  // namespace ppplan::cost
