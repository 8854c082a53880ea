#include "planner/verify/schedule_facts.h"

#include <fmt/format.h>

namespace ppplan::verify {
namespace {

using input::Node;

constexpr std::int64_t most = std::int64_t{1} << 53;

std::int64_t whole_or(const Node& node, const char* key, std::int64_t otherwise) {
  const auto found = node.find(key);
  return found ? found->integer(-1, most) : otherwise;
}

double number_or_zero(const Node& node, const char* key) {
  const auto found = node.find(key);
  return found ? found->number() : 0;
}

PlannedOp read_op(const Node& node) {
  PlannedOp op;
  op.id = node.at("id").integer(-most, most);
  op.kind = node.at("kind").text();
  op.stage = node.at("stage").integer(0, most);
  op.chunk = whole_or(node, "chunk", 0);
  op.micro_batch = node.at("micro_batch").integer(0, most);
  op.replica = whole_or(node, "replica", 0);
  op.seconds = number_or_zero(node, "seconds");
  op.bytes = number_or_zero(node, "bytes");
  if (const auto after = node.find("after"))
    for (const Node& awaited : after->items()) op.after.push_back(awaited.integer(-most, most));
  if (const auto with = node.find("with")) {
    op.with_stage = with->at("stage").integer(0, most);
    op.with_micro_batch = with->at("micro_batch").integer(0, most);
  }
  op.group = whole_or(node, "group", -1);
  op.partner = whole_or(node, "partner", -1);
  return op;
}

void read_lane(const Node& node, ScheduleFacts& facts) {
  PlannedLane lane;
  lane.device = facts.devices;
  lane.kind = node.at("kind").text();
  if (lane.kind != "compute" && lane.kind != "send" && lane.kind != "recv")
    node.at("kind").fail("compute, send or recv");
  lane.peer = lane.kind == "compute" ? -1 : node.at("peer").integer(0, most);
  for (const Node& item : node.at("ops").items()) {
    PlannedOp op = read_op(item);
    op.device = facts.devices;
    op.lane = facts.lanes.size();
    lane.ops.push_back(facts.ops.size());
    facts.ops.push_back(std::move(op));
  }
  facts.lanes.push_back(std::move(lane));
}

}  // namespace

ScheduleFacts schedule_facts(const Node& schedule) {
  ScheduleFacts facts;
  const Node buffers = schedule.at("receive_buffers");
  if (!buffers.is_text() || buffers.text() != "unbounded") facts.receive_buffers = buffers.integer(0, most);
  for (const Node& device : schedule.at("devices").items()) {
    device.at("name").text();
    for (const Node& lane : device.at("lanes").items()) read_lane(lane, facts);
    ++facts.devices;
  }
  return facts;
}

std::string name_of(const PlannedOp& op) {
  return fmt::format("{} of micro-batch {} on stage {} (id {})", op.kind, op.micro_batch, op.stage, op.id);
}

}  // namespace ppplan::verify
