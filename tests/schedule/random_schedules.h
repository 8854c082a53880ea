// Random schedules for property tests: sound by construction, of any shape that the lanes allow.
#pragma once

#include <random>

#include "planner/schedule/pipeline.h"
#include "planner/schedule/schedule.h"

namespace ppplan::tests {

using Random = std::mt19937_64;

inline int uniform(Random& random, int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); }

inline double uniform_s(Random& random) {
  // Few different values, zero among them, so that ties happen; and odd ones, so that rounding does.
  const int kind = uniform(random, 0, 5);
  if (kind == 0) return 0;
  if (kind < 3) return 1e-3 * kind;
  return std::uniform_real_distribution<double>(1e-5, 1e-2)(random);
}

/// Costs of one class of micro-batches over `stages` stages.
inline schedule::MicroBatchCosts random_costs(Random& random, int stages, bool returns) {
  schedule::MicroBatchCosts costs;
  for (int stage = 0; stage < stages; ++stage) costs.stage_s.push_back(uniform_s(random));
  for (int stage = 0; stage + 1 < stages; ++stage) {
    costs.boundary_s.push_back(uniform_s(random));
    costs.boundary_bytes.push_back(uniform(random, 0, 3) * 1'000'003);
  }
  if (returns && stages > 1) costs.token_return_s = uniform_s(random);
  return costs;
}

inline schedule::PipelineShape random_shape(Random& random, int stages) {
  schedule::PipelineShape shape;
  for (int stage = 0; stage < stages; ++stage) shape.members.push_back({stage});
  shape.receive_buffers = uniform(random, 0, 3);
  shape.send_blocks_next = uniform(random, 0, 1) == 1;
  return shape;
}

/// Ops in a random order, each waiting for up to three earlier ones; transfers between random devices, some token
/// returns, and groups. With few receive buffers it may be unable to complete.
inline schedule::Schedule random_schedule(Random& random) {
  using traces::OpKind;
  schedule::Schedule schedule;
  schedule.receive_buffers = uniform(random, 0, 2) == 0 ? uniform(random, 1, 2) : 0;
  const int devices = uniform(random, 1, 4);
  for (int device = 0; device < devices; ++device)
    schedule.devices.push_back({"device " + std::to_string(device), {device}, {schedule::Lane{}}});
  const int steps = uniform(random, 1, 30);
  for (int step = 0; step < steps; ++step) {
    std::vector<schedule::OpId> after;
    for (int k = uniform(random, 0, 3); k > 0 && !schedule.ops.empty(); --k)
      after.push_back(uniform(random, 0, static_cast<int>(schedule.ops.size()) - 1));
    const int device = uniform(random, 0, devices - 1);
    traces::OpKey key{.kind = OpKind::forward, .stage = device, .micro_batch = step};
    if (devices == 1 || uniform(random, 0, 1) == 0) {
      add_compute(schedule, device, key, uniform_s(random), after);
      continue;
    }
    key.kind = uniform(random, 0, 4) == 0 ? OpKind::token_return : OpKind::send;
    const int peer = (device + uniform(random, 1, devices - 1)) % devices;
    const std::int64_t bytes = key.kind == OpKind::send ? uniform(random, 0, 2) * 1'000'003 : 0;
    add_transfer(schedule, device, peer, key, uniform_s(random), bytes, after);
  }
  return schedule;
}

/// Gives random runs of neighbours in the lanes a group; what is in a group then moves no bytes, since flows of one
/// lane that are under way together share its links.
inline void add_groups(Random& random, schedule::Schedule& schedule) {
  int group = 0;
  for (const schedule::ScheduleDevice& device : schedule.devices)
    for (const schedule::Lane& lane : device.lanes) {
      if (uniform(random, 0, 1) == 0) continue;
      for (const schedule::OpId id : lane.ops) {
        schedule::Op& op = schedule.ops[static_cast<std::size_t>(id)];
        op.group = uniform(random, 0, 1) == 0 ? group : ++group;
        op.bytes = 0;
        if (op.partner >= 0) schedule.ops[static_cast<std::size_t>(op.partner)].bytes = 0;
      }
      ++group;
    }
}

}  // namespace ppplan::tests
