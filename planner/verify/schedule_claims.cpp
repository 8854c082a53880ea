#include <fmt/format.h>

#include <map>
#include <set>
#include <tuple>

#include "planner/verify/claim.h"
#include "planner/verify/claims.h"
#include "planner/verify/lane_replay.h"
#include "planner/verify/schedule_facts.h"

namespace ppplan::verify {
namespace {

using Key = std::tuple<std::string, std::int64_t, std::int64_t, std::int64_t, std::int64_t>;

/// What both ends of a transfer have in common.
Key key_of(const PlannedOp& op) {
  const std::string sent = op.kind.starts_with("recv") ? "send" + op.kind.substr(4) : op.kind;
  return {sent, op.stage, op.chunk, op.micro_batch, op.replica};
}

Check ids_claim(const ScheduleFacts& schedule, std::map<std::int64_t, std::size_t>& ids) {
  Claim claim("every op has an id of its own, and waits for ops that are there");
  for (std::size_t op = 0; op < schedule.ops.size(); ++op)
    claim.require(name_of(schedule.ops[op]), ids.emplace(schedule.ops[op].id, op).second, "the same id again");
  for (const PlannedOp& op : schedule.ops)
    for (const std::int64_t awaited : op.after)
      claim.require(name_of(op), ids.contains(awaited) && awaited != op.id, fmt::format("after {}", awaited));
  return claim.check();
}

Check times_claim(const ScheduleFacts& schedule) {
  Claim claim("durations and sizes are not negative");
  for (const PlannedOp& op : schedule.ops)
    claim.require(name_of(op), op.seconds >= 0 && op.bytes >= 0, fmt::format("{} s, {} bytes", op.seconds, op.bytes));
  return claim.check();
}

Check once_claim(const ScheduleFacts& schedule) {
  Claim claim("no device plans an operation twice");
  std::set<std::pair<std::size_t, Key>> seen;
  std::set<std::pair<std::size_t, Key>> received;
  for (const PlannedOp& op : schedule.ops) {
    const bool receives = schedule.lanes[op.lane].kind == "recv";
    claim.require(name_of(op), (receives ? received : seen).emplace(op.device, key_of(op)).second, "it again");
  }
  return claim.check();
}

bool runs_forward(const PlannedOp& op) { return op.kind == "forward" || op.kind == "forward_backward"; }

/// Micro-batches that meet on one stage pass the same stages, whether there is one pipe or several.
Check complete_claim(const ScheduleFacts& schedule) {
  Claim claim("every stage runs every micro-batch of its pipe");
  std::map<std::int64_t, std::set<std::int64_t>> of_stage, route;  // micro-batches by stage, stages by micro-batch
  for (const PlannedOp& op : schedule.ops) {
    if (!runs_forward(op)) continue;
    of_stage[op.stage].insert(op.micro_batch);
    route[op.micro_batch].insert(op.stage);
  }
  for (const auto& [stage, micro_batches] : of_stage)
    for (const std::int64_t micro_batch : micro_batches)
      claim.require(fmt::format("micro-batch {} on stage {}", micro_batch, stage),
                    route[micro_batch] == route[*micro_batches.begin()],
                    fmt::format("other stages than micro-batch {}", *micro_batches.begin()));
  if (!of_stage.empty())
    claim.equal("stages", of_stage.rbegin()->first + 1, static_cast<std::int64_t>(of_stage.size()));
  return claim.check();
}

/// Of training: each forward has one whole backward, or one gradient of the input and one of the weights.
Check gradients_claim(const ScheduleFacts& schedule) {
  Claim claim("every forward of a training step has its gradients once");
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t>, std::pair<int, int>> gradients;  // input, weights
  const auto add = [&](std::int64_t stage, std::int64_t micro_batch, std::int64_t replica, int input, int weights) {
    auto& sum = gradients[{stage, micro_batch, replica}];
    sum.first += input;
    sum.second += weights;
  };
  for (const PlannedOp& op : schedule.ops) {
    if (op.kind == "backward") add(op.stage, op.micro_batch, op.replica, 1, 1);
    if (op.kind == "backward_input") add(op.stage, op.micro_batch, op.replica, 1, 0);
    if (op.kind == "backward_weight") add(op.stage, op.micro_batch, op.replica, 0, 1);
    if (op.with_stage >= 0) add(op.with_stage, op.with_micro_batch, op.replica, 1, 1);
  }
  if (gradients.empty()) return claim.check();
  for (const PlannedOp& op : schedule.ops) {
    if (!runs_forward(op)) continue;
    const auto [input, weights] = gradients[{op.stage, op.micro_batch, op.replica}];
    claim.require(name_of(op), input == 1 && weights == 1,
                  fmt::format("{} gradients of the input and {} of the weights", input, weights));
  }
  return claim.check();
}

using Edge = std::pair<std::size_t, std::size_t>;  // from device, to device

Edge edge_of(const ScheduleFacts& schedule, const PlannedOp& op) {
  const PlannedLane& lane = schedule.lanes[op.lane];
  const auto peer = static_cast<std::size_t>(lane.peer);
  return lane.kind == "send" ? Edge{op.device, peer} : Edge{peer, op.device};
}

/// Pairs the ends by what they carry over which edge; a written partner must be that op.
Check pairs_claim(const ScheduleFacts& schedule, const std::map<std::int64_t, std::size_t>& ids, Wiring& wiring) {
  Claim claim("every Send has its Recv on the device it names, of the same size and duration, and back");
  wiring.partner.assign(schedule.ops.size(), none);
  std::map<std::tuple<Edge, Key, bool>, std::size_t> ends;  // bool: receives
  for (std::size_t i = 0; i < schedule.ops.size(); ++i) {
    const PlannedLane& lane = schedule.lanes[schedule.ops[i].lane];
    if (lane.kind != "compute")
      ends.emplace(std::tuple(edge_of(schedule, schedule.ops[i]), key_of(schedule.ops[i]), lane.kind == "recv"), i);
  }
  for (std::size_t i = 0; i < schedule.ops.size(); ++i) {
    const PlannedOp& op = schedule.ops[i];
    const std::string& kind = schedule.lanes[op.lane].kind;
    if (kind == "compute") continue;
    const auto found = ends.find({edge_of(schedule, op), key_of(op), kind == "send"});
    claim.require(name_of(op), found != ends.end(), "no other end");
    if (found == ends.end()) continue;
    const PlannedOp& other = schedule.ops[found->second];
    wiring.partner[i] = found->second;
    claim.require(
        name_of(op), same(op.seconds, other.seconds) && same(op.bytes, other.bytes),
        fmt::format("{} s and {} bytes against {} s and {} bytes", op.seconds, op.bytes, other.seconds, other.bytes));
    const auto written = ids.find(op.partner);
    claim.require(name_of(op), op.partner < 0 || (written != ids.end() && written->second == found->second),
                  fmt::format("partner {}", op.partner));
  }
  return claim.check();
}

void wire_dependencies(const ScheduleFacts& schedule, const std::map<std::int64_t, std::size_t>& ids, Wiring& wiring) {
  wiring.after.resize(schedule.ops.size());
  wiring.consumers.resize(schedule.ops.size());
  for (std::size_t i = 0; i < schedule.ops.size(); ++i)
    for (const std::int64_t awaited : schedule.ops[i].after)
      if (const auto found = ids.find(awaited); found != ids.end()) {
        wiring.after[i].push_back(found->second);
        wiring.consumers[found->second].push_back(i);
      }
}

Check completes_claim(const ScheduleFacts& schedule, const Wiring& wiring) {
  Claim claim("the lanes run to their end");
  const auto stuck = never_ending(schedule, wiring);
  claim.require("", stuck.empty(),
                stuck.empty() ? ""
                              : fmt::format("{} ops that never end, {} first", stuck.size(),
                                            name_of(schedule.ops[stuck.front()])));
  return claim.check();
}

}  // namespace

Checks schedule_claims(const input::Node& node) {
  const ScheduleFacts schedule = schedule_facts(node);
  std::map<std::int64_t, std::size_t> ids;
  Wiring wiring;
  Checks checks = {ids_claim(schedule, ids), times_claim(schedule),     once_claim(schedule),
                   complete_claim(schedule), gradients_claim(schedule), pairs_claim(schedule, ids, wiring)};
  wire_dependencies(schedule, ids, wiring);
  checks.push_back(completes_claim(schedule, wiring));
  return checks;
}

}  // namespace ppplan::verify
