#include "planner/schedule/schedule_json.h"

#include <array>
#include <map>
#include <tuple>

#include "planner/schedule/deadlock.h"
#include "traces/op_key_json.h"

namespace ppplan::schedule {
namespace {

using input::Json;
using input::Node;
using traces::OpKind;

constexpr std::array<const char*, 3> lane_names = {"compute", "send", "recv"};

Json op_json(const Op& op, OpId id) {
  Json out = {{"id", id}};
  traces::write_key(out, op.key);
  out["seconds"] = op.seconds;
  if (is_transfer(op)) {
    out["bytes"] = op.bytes;
    out["peer"] = op.peer;
    out["partner"] = op.partner;
  } else if (op.bytes > 0) {
    out["bytes"] = op.bytes;
  }
  out["after"] = op.after;
  if (op.group >= 0) out["group"] = op.group;
  if (op.alone_fraction < 1) out["alone_fraction"] = op.alone_fraction;
  if (op.with) traces::write_key(out["with"], *op.with);
  return out;
}

Json lane_json(const Schedule& schedule, const Lane& lane) {
  Json out = {{"kind", lane_names.at(static_cast<std::size_t>(lane.kind))}};
  if (lane.kind != LaneKind::compute) out["peer"] = lane.peer;
  out["ops"] = Json::array();
  for (const OpId id : lane.ops) out["ops"].push_back(op_json(schedule.ops[static_cast<std::size_t>(id)], id));
  return out;
}

Json device_json(const Schedule& schedule, const ScheduleDevice& device) {
  Json out = {{"name", device.name}, {"members", device.members}};
  out["lanes"] = Json::array();
  for (const Lane& lane : device.lanes) out["lanes"].push_back(lane_json(schedule, lane));
  return out;
}

/// Ids of a document may be any distinct whole numbers: they become indices in their own order.
class ScheduleReader {
 public:
  explicit ScheduleReader(const Node& root) : root_(root) {}

  Schedule read() {
    root_.expect_format("ppplan/schedule/", 1);
    schedule_.receive_buffers = read_buffers(root_.at("receive_buffers"));
    if (const auto busy = root_.find("busy_devices")) schedule_.busy_devices = busy->count(0);
    const std::vector<Node> devices = root_.at("devices").items();
    for (const Node& device : devices) collect_ids(device);
    OpId next = 0;
    for (auto& [written, id] : ids_) id = next++;
    schedule_.ops.resize(ids_.size());
    for (const Node& device : devices) read_device(device);
    match_partners();
    const std::vector<std::string> wrong = faults(schedule_);
    if (!wrong.empty()) root_.fail("a sound schedule", wrong.front());
    return std::move(schedule_);
  }

 private:
  static int read_buffers(const Node& node) {
    if (node.is_text() && node.text() == "unbounded") return 0;
    if (!node.is_number()) node.fail("a number of buffers or \"unbounded\"");
    return node.count(0);
  }

  static double read_fraction(const Node& node) {
    const double fraction = node.number(0, 1);
    if (fraction == 0) node.fail("a fraction above 0 and at most 1");
    return fraction;
  }

  void collect_ids(const Node& device) {
    for (const Node& lane : device.at("lanes").items())
      for (const Node& op : lane.at("ops").items()) {
        const Node id = op.at("id");
        if (!ids_.emplace(id.integer(), 0).second) id.fail("an id that no other op has");
      }
  }

  OpId id_at(const Node& node) const {
    const auto found = ids_.find(node.integer());
    if (found == ids_.end()) node.fail("the id of an op");
    return found->second;
  }

  void read_device(const Node& node) {
    const int index = static_cast<int>(schedule_.devices.size());
    ScheduleDevice device;
    device.name = node.at("name").text();
    if (const auto members = node.find("members"))
      for (const Node& member : members->items()) device.members.push_back(member.count(0));
    for (const Node& lane : node.at("lanes").items()) device.lanes.push_back(read_lane(lane, index));
    schedule_.devices.push_back(std::move(device));
  }

  Lane read_lane(const Node& node, int device) {
    Lane lane;
    const Node kind = node.at("kind");
    const auto known = std::ranges::find(lane_names, kind.text());
    if (known == lane_names.end()) kind.fail("compute, send or recv");
    lane.kind = static_cast<LaneKind>(known - lane_names.begin());
    if (lane.kind != LaneKind::compute) lane.peer = node.at("peer").count(0);
    for (const Node& op : node.at("ops").items()) {
      const OpId id = id_at(op.at("id"));
      schedule_.ops[static_cast<std::size_t>(id)] = read_op(op, device, lane);
      if (lane.kind != LaneKind::compute && !op.find("partner")) unmatched_.push_back({id, lane.kind, op});
      lane.ops.push_back(id);
    }
    return lane;
  }

  Op read_op(const Node& node, int device, const Lane& lane) const {
    Op op;
    op.key = traces::read_key(node);
    op.device = device;
    op.peer = lane.peer;
    if (const auto peer = node.find("peer")) op.peer = static_cast<int>(peer->integer(-1, 1 << 30));
    if (const auto partner = node.find("partner")) op.partner = id_at(*partner);
    const bool transfer = lane.kind != LaneKind::compute;
    if (const auto seconds = transfer ? node.find("seconds") : node.at("seconds")) op.seconds = seconds->number(0);
    if (const auto bytes = node.find("bytes")) op.bytes = bytes->integer(0);
    if (const auto after = node.find("after"))
      for (const Node& awaited : after->items()) op.after.push_back(id_at(awaited));
    if (const auto with = node.find("with")) op.with = traces::read_key(*with);
    if (const auto alone = node.find("alone_fraction")) op.alone_fraction = read_fraction(*alone);
    if (const auto group = node.find("group")) op.group = static_cast<int>(group->integer(-1, 1 << 30));
    return op;
  }

  /// A document may leave partners out: the other end is then the op of the peer that carries the same thing.
  void match_partners() {
    std::map<std::tuple<int, int, traces::OpKey>, OpId> open;  // (from, to, key as sent)
    for (const Unmatched& end : unmatched_) {
      Op& op = schedule_.ops[static_cast<std::size_t>(end.id)];
      traces::OpKey key = op.key;
      key.kind = traces::sent(key.kind);
      const bool sends = end.lane == LaneKind::send;
      const auto [other, first] =
          open.try_emplace({sends ? op.device : op.peer, sends ? op.peer : op.device, key}, end.id);
      if (first) continue;
      op.partner = other->second;
      schedule_.ops[static_cast<std::size_t>(other->second)].partner = end.id;
      open.erase(other);
    }
    for (const Unmatched& end : unmatched_)
      if (schedule_.ops[static_cast<std::size_t>(end.id)].partner < 0)
        end.node.fail("a transfer with another end", "none on its peer");
  }

  struct Unmatched {
    OpId id;
    LaneKind lane;
    Node node;
  };
  const Node& root_;
  Schedule schedule_;
  std::map<std::int64_t, OpId> ids_;  // by the number written
  std::vector<Unmatched> unmatched_;
};

}  // namespace

Json to_json(const Schedule& schedule) {
  Json out = {{"format", "ppplan/schedule/1"}, {"time_unit", "s"}};
  out["receive_buffers"] = schedule.receive_buffers == 0 ? Json("unbounded") : Json(schedule.receive_buffers);
  if (schedule.busy_devices > 0) out["busy_devices"] = schedule.busy_devices;
  out["devices"] = Json::array();
  for (const ScheduleDevice& device : schedule.devices) out["devices"].push_back(device_json(schedule, device));
  return out;
}

Schedule schedule_from_json(const Node& node) { return ScheduleReader(node).read(); }

}  // namespace ppplan::schedule
