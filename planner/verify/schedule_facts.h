// A schedule document read from its JSON, with indices in place of ids.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "planner/input/document.h"

namespace ppplan::verify {

inline constexpr std::size_t none = static_cast<std::size_t>(-1);

struct PlannedOp {
  std::int64_t id = 0;  // as written
  std::string kind;
  std::int64_t stage = 0, chunk = 0, micro_batch = 0, replica = 0;
  double seconds = 0, bytes = 0;
  std::vector<std::int64_t> after;                      // ids
  std::int64_t with_stage = -1, with_micro_batch = -1;  // of the backward that runs along with a forward; -1 without
  std::int64_t group = -1;
  std::int64_t partner = -1;         // id; -1 where none is written
  std::size_t device = 0, lane = 0;  // lane over all devices
};

struct PlannedLane {
  std::size_t device = 0;
  std::string kind;  // "compute", "send", "recv"
  std::int64_t peer = -1;
  std::vector<std::size_t> ops;
};

struct ScheduleFacts {
  std::size_t devices = 0;
  std::int64_t receive_buffers = 0;  // 0 = unbounded
  std::vector<PlannedOp> ops;
  std::vector<PlannedLane> lanes;
};

/// Throws InputError for missing or mistyped members.
ScheduleFacts schedule_facts(const input::Node& schedule);

/// "forward of micro-batch 3 on stage 1 (id 17)".
std::string name_of(const PlannedOp& op);

}  // namespace ppplan::verify
