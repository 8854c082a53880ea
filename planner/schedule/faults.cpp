#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "planner/schedule/deadlock.h"
#include "planner/schedule/op_text.h"

namespace ppplan::schedule {
namespace {

using traces::OpKind;

struct Place {
  int times = 0;  // in how many lanes it was found
  int device = 0;
  std::size_t lane = 0;
};

class FaultFinder {
 public:
  explicit FaultFinder(const Schedule& schedule) : schedule_(schedule), places_(schedule.ops.size()) {}

  std::vector<std::string> find() {
    if (schedule_.receive_buffers < 0)
      add("receive_buffers is " + std::to_string(schedule_.receive_buffers) + ", expected 0 (unbounded) or more");
    for (OpId id = 0; id < op_count(); ++id) check_numbers(id);
    for (int device = 0; device < device_count(); ++device) check_lanes(device);
    if (!found_.empty()) return found_;  // what follows needs ids and lanes that can be followed
    for (OpId id = 0; id < op_count(); ++id) check_place(id);
    if (!found_.empty()) return found_;
    for (OpId id = 0; id < op_count(); ++id) check_partner(id);
    if (!found_.empty()) return found_;
    for (const ScheduleDevice& device : schedule_.devices)
      for (const Lane& lane : device.lanes) check_order(lane);
    check_keys();
    return found_;
  }

 private:
  int op_count() const { return static_cast<int>(schedule_.ops.size()); }
  int device_count() const { return static_cast<int>(schedule_.devices.size()); }
  bool is_op(OpId id) const { return id >= 0 && id < op_count(); }
  bool is_device(int device) const { return device >= 0 && device < device_count(); }
  const Op& op(OpId id) const { return schedule_.ops[static_cast<std::size_t>(id)]; }
  const Place& place(OpId id) const { return places_[static_cast<std::size_t>(id)]; }
  const ScheduleDevice& device(int index) const { return schedule_.devices[static_cast<std::size_t>(index)]; }
  const Lane& lane_of(OpId id) const { return device(place(id).device).lanes[place(id).lane]; }
  std::string text(OpId id) const { return op_text(schedule_, id); }
  void add(std::string sentence) { found_.push_back(std::move(sentence)); }

  void check_numbers(OpId id) {
    const Op& it = op(id);
    if (!is_device(it.device))
      add("op " + std::to_string(id) + " is on device " + std::to_string(it.device) + ", which the schedule lacks");
    if (!(it.alone_fraction > 0 && it.alone_fraction <= 1))
      add(text(id) + " has an alone fraction of " + std::to_string(it.alone_fraction) +
          ", expected one above 0 and at most 1");
    if (!std::isfinite(it.seconds) || it.seconds < 0)
      add(text(id) + " lasts " + std::to_string(it.seconds) + " s, expected a finite time of at least 0");
    if (it.bytes < 0) add(text(id) + " moves " + std::to_string(it.bytes) + " bytes, expected at least 0");
    if (it.partner != -1 && !is_op(it.partner))
      add(text(id) + " has partner " + std::to_string(it.partner) + ", which is no op");
    for (const OpId awaited : it.after) {
      if (!is_op(awaited)) add(text(id) + " waits for op " + std::to_string(awaited) + ", which is no op");
      if (awaited == id) add(text(id) + " waits for itself");
    }
  }

  void check_lanes(int index) {
    const std::vector<Lane>& lanes = device(index).lanes;
    if (lanes.empty() || lanes.front().kind != LaneKind::compute)
      add("device '" + device(index).name + "' does not start with a compute lane");
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      if (lanes[lane].kind == LaneKind::compute ? lane > 0 : !is_device(lanes[lane].peer) || lanes[lane].peer == index)
        add("lane " + std::to_string(lane) + " of device '" + device(index).name +
            "' is a second compute lane or has a peer that is no other device");
      for (const OpId id : lanes[lane].ops) enter(id, index, lane);
    }
  }

  void enter(OpId id, int index, std::size_t lane) {
    if (!is_op(id))
      return add("a lane of device '" + device(index).name + "' holds op " + std::to_string(id) + ", which is no op");
    Place& place = places_[static_cast<std::size_t>(id)];
    place = {place.times + 1, index, lane};
  }

  void check_place(OpId id) {
    if (place(id).times != 1)
      return add(text(id) + " is in " + (place(id).times == 0 ? "no lane" : "more than one lane or twice in one"));
    if (place(id).device != op(id).device)
      return add(text(id) + " is in a lane of device '" + device(place(id).device).name + "'");
    const Lane& lane = lane_of(id);
    if ((lane.kind == LaneKind::compute) == is_transfer(op(id)))
      return add(text(id) +
                 (is_transfer(op(id)) ? " is a transfer in a compute lane" : " has no partner in a transfer lane"));
    if (is_transfer(op(id)) && lane.peer != op(id).peer)
      add(text(id) + " has peer " + std::to_string(op(id).peer) + " in a lane with peer " + std::to_string(lane.peer));
  }

  bool fits_role(OpId id) const {
    const OpKind kind = op(id).key.kind;
    const LaneKind lane = lane_of(id).kind;
    const bool sends = kind == OpKind::send || kind == OpKind::send_gradient;
    const bool receives = kind == OpKind::recv || kind == OpKind::recv_gradient;
    if (lane == LaneKind::compute) return !sends && !receives && kind != OpKind::token_return;
    return kind == OpKind::token_return || (lane == LaneKind::send ? sends : receives);
  }

  void check_partner(OpId id) {
    if (!fits_role(id)) return add(text(id) + " is of a kind that does not belong in its lane");
    if (!is_transfer(op(id))) return;
    const Op& here = op(id);
    const Op& there = op(here.partner);
    const auto both = [&] { return text(id) + " and its partner, " + text(here.partner) + ","; };
    if (there.partner != id) return add(both() + " do not name each other");
    if (there.device != here.peer || there.peer != here.device) return add(both() + " name different peers");
    if (here.partner < id) return;  // the rest reads the same from both ends
    if (lane_of(id).kind == lane_of(here.partner).kind) return add(both() + " are on one side of the transfer");
    traces::OpKey as_here = there.key;
    const bool returns = here.key.kind == OpKind::token_return;
    if (returns == (there.key.kind == OpKind::token_return)) as_here.kind = here.key.kind;
    if (as_here != here.key) add(both() + " carry different things");
    if (here.seconds != there.seconds || here.bytes != there.bytes) add(both() + " differ in seconds or bytes");
  }

  /// Ends of an edge in the same order, and groups without gaps.
  void check_order(const Lane& lane) {
    std::vector<int> closed;
    for (std::size_t k = 0; k < lane.ops.size(); ++k) {
      const int group = op(lane.ops[k]).group;
      if (k > 0 && op(lane.ops[k - 1]).group == group) continue;
      if (group >= 0) closed.push_back(group);
    }
    std::ranges::sort(closed);
    if (std::ranges::adjacent_find(closed) != closed.end())
      add("the ops of group " + std::to_string(*std::ranges::adjacent_find(closed)) +
          " do not follow one another in their lane");
    if (lane.kind != LaneKind::send || lane.ops.empty()) return;
    const Lane& other = lane_of(op(lane.ops.front()).partner);
    const auto paired = [&](OpId send, OpId recv) { return op(send).partner == recv; };
    if (!std::ranges::equal(lane.ops, other.ops, paired))
      add("the sends of device '" + device(op(lane.ops.front()).device).name + "' to device '" +
          device(lane.peer).name + "' and the receives there are in different orders");
  }

  static std::size_t hash(const Op& it) {
    const traces::OpKey& key = it.key;
    std::uint64_t out = 0;
    for (const int part : {static_cast<int>(key.kind), key.stage, key.chunk, key.micro_batch, key.replica, it.device})
      out = (out ^ static_cast<std::uint32_t>(part)) * 0x9e3779b97f4a7c15;
    return out ^ (out >> 32);
  }

  /// Ops by key in a table at most half full: a key that is there already stands where its search ends.
  void check_keys() {
    std::vector<OpId> table(std::bit_ceil(2 * schedule_.ops.size() + 1), -1);
    for (OpId id = 0; id < op_count(); ++id) {
      std::size_t at = hash(op(id)) & (table.size() - 1);
      while (table[at] >= 0 && (op(table[at]).device != op(id).device || op(table[at]).key != op(id).key))
        at = (at + 1) & (table.size() - 1);
      if (table[at] >= 0) return add(text(table[at]) + " and op " + std::to_string(id) + " have the same key");
      table[at] = id;
    }
  }

  const Schedule& schedule_;
  std::vector<Place> places_;  // [op]
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> faults(const Schedule& schedule) { return FaultFinder(schedule).find(); }

}  // namespace ppplan::schedule
