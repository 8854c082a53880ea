#include "planner/report/activations.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "planner/input/input_error.h"

namespace ppplan::report {
namespace {

using schedule::OpId;
using schedule::Schedule;
using traces::OpKey;
using traces::OpKind;

/// From the start of a forward to the releases of what it left behind.
struct Hold {
  OpKey key;
  double start_s = 0;
  double forward_end_s = 0;
  double sent_s = 0;  // end of the last transfer out of the forward
  double sent_bytes = 0;
  std::optional<double> input_s, weight_s;  // ends of the gradients; a fused backward sets both
  double end_s() const {
    if (input_s || weight_s) return std::max(input_s.value_or(0), weight_s.value_or(0));
    return std::max(forward_end_s, sent_s);
  }
};

/// Of one device, by stage, chunk, micro-batch and replica.
using Holds = std::map<std::tuple<int, int, int, int>, Hold>;

std::tuple<int, int, int, int> place(const OpKey& key) { return {key.stage, key.chunk, key.micro_batch, key.replica}; }

void add_forward(const schedule::Op& op, double start_s, double end_s, Holds& holds) {
  const auto [found, fresh] = holds.try_emplace(place(op.key));
  Hold& hold = found->second;
  hold.key = op.key;
  hold.start_s = fresh ? start_s : std::min(hold.start_s, start_s);
  hold.forward_end_s = std::max(hold.forward_end_s, end_s);
}

void later(std::optional<double>& known, double end_s) { known = std::max(known.value_or(end_s), end_s); }

void add_backward(const OpKey& key, double end_s, Holds& holds) {
  const auto found = holds.find(place(key));
  if (found == holds.end()) return;
  if (key.kind != OpKind::backward_weight) later(found->second.input_s, end_s);
  if (key.kind != OpKind::backward_input) later(found->second.weight_s, end_s);
}

bool is_forward(OpKind kind) { return kind == OpKind::forward || kind == OpKind::forward_backward; }
bool is_backward(OpKind kind) {
  return kind == OpKind::backward || kind == OpKind::backward_input || kind == OpKind::backward_weight;
}

std::vector<Holds> collect_holds(const Schedule& schedule, const OperationGraph& graph, const OpTimes& times) {
  std::vector<Holds> holds(schedule.devices.size());
  const auto of_device = [&](const schedule::Op& op) -> Holds& {
    return holds.at(static_cast<std::size_t>(op.device));
  };
  for (std::size_t id = 0; id < schedule.ops.size(); ++id)
    if (is_forward(schedule.ops[id].key.kind))
      add_forward(schedule.ops[id], times.start_s[id], times.end_s[id], of_device(schedule.ops[id]));
  for (std::size_t id = 0; id < schedule.ops.size(); ++id) {
    const schedule::Op& op = schedule.ops[id];
    if (is_backward(op.key.kind)) add_backward(op.key, times.end_s[id], of_device(op));
    if (op.with) add_backward(*op.with, times.end_s[id], of_device(op));
    if (!schedule::is_transfer(op) || graph.lane[id] != schedule::LaneKind::send) continue;
    for (const OpId produced : op.after) {
      const schedule::Op& source = schedule.ops[at(produced)];
      if (source.device != op.device || !is_forward(source.key.kind)) continue;
      Hold& hold = of_device(op).at(place(source.key));
      hold.sent_s = std::max(hold.sent_s, times.end_s[id]);
      hold.sent_bytes += static_cast<double>(op.bytes);
    }
  }
  return holds;
}

double bytes_of(const Hold& hold, const ActivationCosts& costs) {
  if (costs.bytes.empty()) return hold.sent_bytes;
  if (costs.bytes.size() == 1) return costs.bytes.front();
  const auto stage = static_cast<std::size_t>(hold.key.stage);
  if (stage >= costs.bytes.size())
    throw input::InputError(
        "activation bytes", "", "one number, or one of every stage",
        std::to_string(costs.bytes.size()) + " for a schedule with a stage " + std::to_string(hold.key.stage));
  return costs.bytes[stage];
}

struct Change {
  double time_s = 0;
  double micro_batches = 0;
  double bytes = 0;
};

std::vector<Change> changes_of(const Holds& holds, const ActivationCosts& costs) {
  std::vector<Change> changes;
  for (const auto& [where, hold] : holds) {
    const double whole = bytes_of(hold, costs);
    const double early = hold.input_s && hold.weight_s ? whole * costs.release_at_input : 0;
    changes.push_back({hold.start_s, 1, whole});
    if (early > 0) changes.push_back({*hold.input_s, 0, -early});
    changes.push_back({hold.end_s(), -1, early - whole});
  }
  std::ranges::sort(changes, {}, &Change::time_s);
  return changes;
}

/// Running sums; what ends at one moment is let go before what starts then, so that moment has one entry.
std::vector<Held> held_of(const Holds& holds, const ActivationCosts& costs) {
  std::vector<Held> out;
  Held now;
  for (const Change& change : changes_of(holds, costs)) {
    now = {change.time_s, now.micro_batches + change.micro_batches, now.bytes + change.bytes};
    if (!out.empty() && out.back().time_s == now.time_s)
      out.back() = now;
    else
      out.push_back(now);
  }
  return out;
}

PeakActivations peak_of(const std::vector<Held>& held) {
  PeakActivations peak;
  for (const Held& now : held) {
    peak.micro_batches = std::max(peak.micro_batches, now.micro_batches);
    peak.bytes = std::max(peak.bytes, now.bytes);
  }
  return peak;
}

}  // namespace

std::vector<PeakActivations> peak_activations(const Schedule& schedule, const OperationGraph& graph,
                                              const OpTimes& times, const ActivationCosts& costs) {
  std::vector<PeakActivations> out;
  for (const auto& held : held_over_time(schedule, graph, times, costs)) out.push_back(peak_of(held));
  return out;
}

std::vector<std::vector<Held>> held_over_time(const Schedule& schedule, const OperationGraph& graph,
                                              const OpTimes& times, const ActivationCosts& costs) {
  std::vector<std::vector<Held>> out;
  for (const Holds& holds : collect_holds(schedule, graph, times)) out.push_back(held_of(holds, costs));
  return out;
}

}  // namespace ppplan::report
