// What will be done: an explicit list of operations per device. The simulator, the executor, the longest path and the
// deadlock check all interpret this one list, with one meaning:
//
// * A device has one compute lane and one lane per (peer, direction). A lane runs its ops in order; an op starts when
// it
//   heads its lane and every op in its `after` list has ended.
// * A transfer is one activity. It starts when its Send and its Recv both head their lanes with their `after` lists
// ended
//   (rendezvous) and a receive buffer of that edge is free: the k-th transfer of an edge needs the consumers of
//   transfer k - receive_buffers to have ended. A consumer of a transfer is any op that lists its Recv in `after`. Both
//   its ops end together. It occupies no compute lane.
// * Ops of one lane that share a `group` (>= 0) are issued together: each starts as soon as its own conditions hold,
// once
//   everything before the group has ended, and the lane goes on when all of them have ended.
//
// Times are seconds; a compute op lasts `seconds`. A transfer lasts `seconds` (software latency, shared with nobody)
// plus the time its `bytes` take over the links of the cluster, which it shares; without a cluster it lasts `seconds`
// alone.
//
// Devices may share what makes them fast (cores of one processor: its units, caches and memory). A compute op then
// lasts `seconds` while busy_devices compute at once, and alone_fraction of that while no other does; in between it
// follows the number of others that compute, at any moment. With b = busy_devices - 1, k others, and a =
// alone_fraction, a moment dt does  dt / (seconds (1 - (1 - a) (1 - k / b)))  of the op while k < b, and dt / seconds
// else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "planner/schedule/op_list.h"
#include "traces/op_key.h"

namespace ppplan::schedule {

struct Op {
  traces::OpKey key;
  int device = 0;
  int peer = -1;      // the other device of a Send, Recv or TokenReturn; -1 of compute
  OpId partner = -1;  // the Recv of a Send and the Send of a Recv; -1 of everything else
  double seconds = 0;
  std::int64_t bytes = 0;
  OpList after;
  int group = -1;
  double alone_fraction = 1;                         // of compute, in (0, 1]; 1 = the others don't matter
  std::optional<traces::OpKey> with = std::nullopt;  // of a forward_backward: the backward that runs along
  bool operator==(const Op&) const = default;
};

enum class LaneKind { compute, send, recv };

struct Lane {
  LaneKind kind = LaneKind::compute;
  int peer = -1;
  std::vector<OpId> ops;
  bool operator==(const Lane&) const = default;
};

/// A device of a schedule is one stage of one replica: `members` are the cluster devices of its tensor-parallel group,
/// rank by rank. A transfer of `bytes` between two such groups travels as one flow of bytes/size per pair of equal
/// ranks.
struct ScheduleDevice {
  std::string name;
  std::vector<int> members;
  std::vector<Lane> lanes;  // the compute lane first
  bool operator==(const ScheduleDevice&) const = default;
};

struct Schedule {
  std::vector<Op> ops;
  std::vector<ScheduleDevice> devices;
  int receive_buffers = 2;  // per edge and direction; 0 = unbounded
  int busy_devices = 0;     // that computed at once when `seconds` were measured; 0 = all of them
  bool operator==(const Schedule&) const = default;
};

/// How tokens of a decode round come back: a TokenReturn is a transfer like any other, a Send/Recv pair of ops whose
/// keys have kind token_return on both ends, on lanes of their own.
inline bool is_transfer(const Op& op) { return op.partner >= 0; }
/// Whether a Recv takes a receive buffer of its edge.
inline bool needs_buffer(const Op& recv) { return recv.key.kind != traces::OpKind::token_return; }

/// Appends compute to the device's compute lane and returns its id.
OpId add_compute(Schedule& schedule, int device, traces::OpKey key, double seconds, OpList after);

struct TransferIds {
  OpId send;
  OpId recv;
};
/// Appends a Send to `from`'s lane to `to`, and its Recv to `to`'s lane from `from`. `key.kind` may be send or
/// send_gradient (the Recv gets its counterpart) or token_return (both get it). The Send waits for `after`.
TransferIds add_transfer(Schedule& schedule, int from, int to, traces::OpKey key, double seconds, std::int64_t bytes,
                         OpList after);

}  // namespace ppplan::schedule
