#include "planner/cost/cost_book.h"

#include <fmt/format.h>

#include <algorithm>

#include "planner/cost/layer_operations.h"
#include "traces/profile_json.h"

namespace ppplan::cost {
namespace {

/// Distinct layers are costed once; a model of 80 equal layers asks for one.
std::vector<PartTime> all_layers(const Place& place, const spec::BatchShape& shape) {
  std::vector<PartTime> out;
  out.reserve(place.model.layers.size());
  for (std::size_t i = 0; i < place.model.layers.size(); ++i) {
    const auto first = std::find(place.model.layers.begin(), place.model.layers.begin() + static_cast<long>(i),
                                 place.model.layers[i]) -
                       place.model.layers.begin();
    out.push_back(first < static_cast<long>(i) ? out[static_cast<std::size_t>(first)]
                                               : layer_time(place, place.model.layers[i], shape));
  }
  return out;
}

LayerTimes total(const Place& place, const spec::BatchShape& shape) {
  LayerTimes out;
  PartTime sum;
  const auto add = [&](const PartTime& part) {
    sum.seconds += part.seconds;
    sum.weighted_error_s += part.weighted_error_s;
    sum.spared_s += part.spared_s;
    sum.outside = sum.outside || part.outside;
    sum.origin = std::max(sum.origin, part.seconds > 0 ? part.origin : Origin::measured);
    return part.seconds;
  };
  for (const PartTime& layer : all_layers(place, shape)) out.layer_s.push_back(add(layer));
  const Origin layers_origin = sum.origin;
  out.embedding_s = add(embedding_time(place, shape));
  out.head_s = add(head_time(place, shape));
  out.relative_error = sum.seconds > 0 ? sum.weighted_error_s / sum.seconds : 0;
  out.outside = sum.outside;
  out.alone_fraction = sum.seconds > 0 ? 1 - sum.spared_s / sum.seconds : 1;
  out.origin = layers_origin;
  return out;
}

std::string memo_key(const spec::ModelSpec& model, const spec::Device& device, int tp, spec::LinkKind link,
                     const spec::BatchShape& shape) {
  return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", model.name, static_cast<int>(model.dtype),
                     static_cast<int>(model.kv_dtype), device.name, tp, static_cast<int>(link), shape.sequences,
                     shape.new_tokens, shape.past_tokens, shape.samples);
}

/// Software latency of a message where no curve was measured: launch and handshake of NCCL on GPUs, a wake-up on a
/// host.
double assumed_latency_s(spec::LinkKind kind) {
  switch (kind) {
    case spec::LinkKind::nvlink:
      return 10e-6;
    case spec::LinkKind::pcie:
      return 20e-6;
    case spec::LinkKind::network:
      return 30e-6;
    case spec::LinkKind::memory:
      return 10e-6;
  }
  return 30e-6;
}

}  // namespace

std::string_view name(Origin origin) {
  switch (origin) {
    case Origin::measured:
      return "measured";
    case Origin::fitted:
      return "fitted";
    case Origin::roofline:
      return "roofline";
    case Origin::assumed:
      return "assumed";
  }
  return "assumed";
}

CostBook::CostBook(std::vector<Entry> profiles) : profiles_(std::move(profiles)) {}

const LayerTimes& CostBook::layer_times(const spec::ModelSpec& model, const spec::Device& device, int tp,
                                        spec::LinkKind tp_link, const spec::BatchShape& shape) {
  const std::string key = memo_key(model, device, tp, tp_link, shape);
  if (const auto found = memo_.find(key); found != memo_.end()) return found->second;
  LayerTimes best = total({model, device, tp, tp_link, nullptr}, shape);
  best.engine = "any (roofline)";
  for (const Entry& entry : profiles_) {
    if (entry.times.profile().device != device.name) continue;
    LayerTimes times = total({model, device, tp, tp_link, &entry.times}, shape);
    if (times.origin == Origin::roofline) continue;
    times.engine = entry.times.profile().engine;
    times.profile = entry.name;
    times.core_speed = entry.times.profile().core_speed;
    times.alone_core_speed = entry.times.profile().alone_core_speed;
    times.busy_cores = entry.times.profile().busy_cores;
    best = std::move(times);
    break;
  }
  return memo_.emplace(key, std::move(best)).first->second;
}

MessageTime CostBook::message(const spec::Device& sender, spec::LinkKind kind, double bandwidth_bytes_per_s,
                              double bytes) const {
  for (const Entry& entry : profiles_) {
    if (entry.times.profile().device != sender.name) continue;
    if (const auto time = entry.times.link("send_recv", spec::name(kind), 2, bytes))
      return {std::max(0.0, time->seconds - bytes / bandwidth_bytes_per_s), time->relative_error, Origin::measured};
  }
  return {assumed_latency_s(kind), 0.5, Origin::assumed};
}

std::vector<CostBook::Entry> shipped_profiles() {
  std::vector<CostBook::Entry> out;
  for (const std::string& name : traces::shipped_profile_names())
    out.push_back({name, traces::OperationTimes(traces::shipped_profile(name))});
  return out;
}

}  // namespace ppplan::cost
