#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "planner/verify/claim.h"
#include "planner/verify/plan_claims.h"

namespace ppplan::verify {
namespace {

Check partition_claim(const PlanFacts& plan) {
  Claim claim("the partition has an entry of at least 1 per stage, and they sum to the model's layers");
  claim.equal("entries", static_cast<std::int64_t>(plan.partition.size()), plan.pp);
  for (std::size_t s = 0; s < plan.partition.size(); ++s)
    claim.require(stage_name(s), plan.partition[s] >= 1, fmt::format("{} layers", plan.partition[s]));
  claim.equal("sum", std::accumulate(plan.partition.begin(), plan.partition.end(), std::int64_t{0}),
              static_cast<std::int64_t>(plan.model.layers.size()));
  return claim.check();
}

Check layers_claim(const PlanFacts& plan) {
  Claim claim("model.num_layers counts the layers of inputs.model");
  claim.equal("", plan.num_layers, static_cast<std::int64_t>(plan.model.layers.size()));
  return claim.check();
}

Check ranges_claim(const PlanFacts& plan) {
  Claim claim("stages follow each other without gap or overlap and are as long as the partition says");
  claim.equal("stages", static_cast<std::int64_t>(plan.stages.size()),
              static_cast<std::int64_t>(plan.partition.size()));
  std::int64_t end = 0;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    claim.equal(stage_name(s) + " begins", plan.stages[s].first_layer, end);
    if (s < plan.partition.size()) end += plan.partition[s];
    claim.equal(stage_name(s) + " ends", plan.stages[s].end_layer, end);
  }
  return claim.check();
}

Check sharing_claim(const PlanFacts& plan) {
  Claim claim("layers that share keys and values are on the stage of the layer whose they read");
  for (std::size_t s = 0; s < plan.stages.size(); ++s)
    for (std::int64_t l = plan.stages[s].first_layer; l < plan.stages[s].end_layer; ++l) {
      const auto read = static_cast<std::int64_t>(read_layer(plan.model, static_cast<std::size_t>(l)));
      claim.require(stage_name(s), read >= plan.stages[s].first_layer, fmt::format("layer {} reads {}", l, read));
    }
  return claim.check();
}

Check summary_claim(const PlanFacts& plan) {
  Claim claim("cluster.devices repeats the devices of inputs.cluster, with no more free memory than memory");
  claim.equal("devices", static_cast<std::int64_t>(plan.devices.size()),
              static_cast<std::int64_t>(plan.input_devices.size()));
  for (std::size_t d = 0; d < std::min(plan.devices.size(), plan.input_devices.size()); ++d) {
    const std::string place = fmt::format("device {}", d);
    const DeviceFacts& device = plan.devices[d];
    claim.require(place, device.name == plan.input_devices[d].name, device.name);
    claim.equal(place + " memory", device.memory_bytes, plan.input_devices[d].memory_bytes);
    claim.equal(place + " free", device.free_bytes, plan.input_devices[d].free_bytes);
    claim.require(place, device.free_bytes >= 0 && device.free_bytes <= device.memory_bytes,
                  fmt::format("{} free of {} bytes", device.free_bytes, device.memory_bytes));
  }
  return claim.check();
}

Check devices_claim(const PlanFacts& plan) {
  Claim claim("every stage has dp groups of tp devices that exist, and no device serves twice");
  std::set<std::int64_t> used;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    claim.equal(stage_name(s) + " replicas", static_cast<std::int64_t>(plan.stages[s].devices.size()), plan.dp);
    for (const auto& group : plan.stages[s].devices) {
      claim.equal(stage_name(s) + " ranks", static_cast<std::int64_t>(group.size()), plan.tp);
      for (const std::int64_t device : group) {
        claim.require(stage_name(s), device < static_cast<std::int64_t>(plan.input_devices.size()),
                      fmt::format("device {} of {}", device, plan.input_devices.size()));
        claim.require(stage_name(s), used.insert(device).second, fmt::format("device {} again", device));
      }
    }
  }
  claim.equal("devices in use", static_cast<std::int64_t>(used.size()), plan.tp * plan.pp * plan.dp);
  return claim.check();
}

Check ends_claim(const PlanFacts& plan) {
  Claim claim("the first stage holds the embedding and the last one the head");
  if (!plan.stages.empty())
    claim.require("", plan.stages.front().embedding && plan.stages.back().head, "another stage that does");
  return claim.check();
}

}  // namespace

std::string stage_name(std::size_t stage) { return fmt::format("stage {}", stage); }

void add_layout_claims(const PlanFacts& plan, Checks& checks) {
  checks.push_back(layers_claim(plan));
  checks.push_back(partition_claim(plan));
  checks.push_back(ranges_claim(plan));
  const auto& layers = plan.model.layers;
  if (plan.sound() && std::any_of(layers.begin(), layers.end(), [](const LayerFacts& it) { return it.shares_kv; }))
    checks.push_back(sharing_claim(plan));
  checks.push_back(summary_claim(plan));
  checks.push_back(devices_claim(plan));
  checks.push_back(ends_claim(plan));
}

}  // namespace ppplan::verify
