#include "planner/search/build_plan.h"

#include <map>

#include "planner/engines/vllm_rules.h"

namespace ppplan::search {

namespace {

std::vector<std::vector<int>> stage_devices(const spec::Parallel& parallel, const DeviceOrder& order, int stage) {
  std::vector<std::vector<int>> groups(static_cast<std::size_t>(parallel.dp));
  for (int replica = 0; replica < parallel.dp; ++replica)
    for (int rank = 0; rank < parallel.tp; ++rank)
      groups[static_cast<std::size_t>(replica)].push_back(
          order[static_cast<std::size_t>(engines::rank_of(parallel, replica, stage, rank))]);
  return groups;
}

}  // namespace

void set_partition(spec::Plan& plan, const std::vector<int>& partition) {
  plan.partition = partition;
  plan.times.clear();
  plan.warnings.clear();
  int layer = 0;
  for (std::size_t s = 0; s < partition.size(); ++s) {
    plan.stages[s].first_layer = layer;
    layer += partition[s];
    plan.stages[s].end_layer = layer;
  }
}

DeviceOrder order_of(const spec::Plan& plan) {
  std::map<int, int> device_of_rank;
  for (std::size_t s = 0; s < plan.stages.size(); ++s)
    for (std::size_t replica = 0; replica < plan.stages[s].devices.size(); ++replica)
      for (std::size_t t = 0; t < plan.stages[s].devices[replica].size(); ++t)
        device_of_rank[engines::rank_of(plan.parallel, static_cast<int>(replica), static_cast<int>(s),
                                        static_cast<int>(t))] = plan.stages[s].devices[replica][t];
  DeviceOrder order;
  for (const auto& [rank, device] : device_of_rank) order.push_back(device);
  return order;
}

spec::Plan build_plan(const Question& question, const spec::Parallel& parallel, const spec::MicroBatching& setting,
                      const std::vector<int>& partition, const DeviceOrder& order) {
  const Request& request = question.request;
  spec::Plan plan;
  plan.model = request.model;
  plan.cluster = request.cluster;
  plan.workload = request.workload;
  plan.max_model_len = question.max_model_len;
  plan.gpu_memory_utilization = request.gpu_memory_utilization;
  plan.engine = request.engine;
  plan.corrections = request.corrections;
  plan.parallel = parallel;
  plan.micro_batching = setting;
  plan.provenance.vllm = question.vllm;
  plan.assumed = request.assumed;
  plan.inputs = request.inputs;
  plan.stages.resize(static_cast<std::size_t>(parallel.pp));
  for (int s = 0; s < parallel.pp; ++s) {
    spec::Stage& stage = plan.stages[static_cast<std::size_t>(s)];
    const engines::Holdings held = engines::holdings(request.model, s, parallel.pp, request.engine.draft);
    stage.embedding = held.embedding;
    stage.head = held.head;
    stage.tower = held.tower;
    stage.devices = stage_devices(parallel, order, s);
  }
  set_partition(plan, partition);
  return plan;
}

}  // namespace ppplan::search
