#include "tests/search/small_case.h"

#include "planner/cost/assess.h"

namespace ppplan::search::tests {

namespace {

spec::Device device_of(const Cards& card, int node) {
  spec::Device device;
  device.name = card.name;
  device.node = node;
  device.memory_bytes = static_cast<std::int64_t>(card.memory_gib * 1024 * 1024 * 1024);
  device.free_bytes = device.memory_bytes;
  device.memory_bytes_per_s = 1e12 / card.slowness;
  device.bf16_flops_per_s = device.fp16_flops_per_s = 2e14 / card.slowness;
  return device;
}

int add_link(spec::ClusterSpec& cluster, const std::string& name, spec::LinkKind kind, double bandwidth) {
  cluster.links.push_back({name, kind, bandwidth, 1e-6, false});
  return static_cast<int>(cluster.links.size()) - 1;
}

}  // namespace

spec::ModelSpec small_model(int layers) {
  spec::ModelSpec model;
  model.name = "small";
  model.architecture = "LlamaForCausalLM";
  model.hidden = 512;
  model.vocabulary = 32000;
  model.max_position = 32768;
  spec::Layer layer;
  layer.attention.heads = 8;
  layer.attention.kv_heads = 4;
  layer.attention.head_dim = 64;
  layer.feed_forward.intermediate = 2048;
  model.layers.assign(static_cast<std::size_t>(layers), layer);
  return model;
}

spec::ClusterSpec cluster_of(const std::vector<Cards>& cards, int per_node) {
  spec::ClusterSpec cluster;
  std::vector<int> nics;
  for (const Cards& kind : cards)
    for (int i = 0; i < kind.count; ++i) {
      const int index = static_cast<int>(cluster.devices.size());
      const int node = per_node > 0 ? index / per_node : 0;
      const std::string place = "node" + std::to_string(node);
      if (node >= static_cast<int>(nics.size()))
        nics.push_back(add_link(cluster, place + ".nic", spec::LinkKind::network, 10e9));
      spec::Device device = device_of(kind, node);
      const int port = add_link(cluster, place + ".gpu" + std::to_string(index), spec::LinkKind::nvlink, 200e9);
      device.paths = {{place + ".switch", {port}}, {"network", {port, nics[static_cast<std::size_t>(node)]}}};
      cluster.devices.push_back(device);
    }
  return cluster;
}

Request small_request(const spec::ClusterSpec& cluster) {
  Request request;
  request.model = small_model();
  request.cluster = cluster;
  request.workload.input_tokens = 256;
  request.workload.output_tokens = 64;
  request.workload.concurrency = 32;
  request.top = 3;
  return request;
}

std::vector<spec::Predicted> as_analytic(std::span<const spec::Plan> plans) {
  std::vector<spec::Predicted> out;
  for (const spec::Plan& plan : plans) {
    out.push_back(cost::analytic(plan));
    out.back().simulated_by = "fake";
  }
  return out;
}

Result searched(const Request& request, const Evaluator& evaluator) {
  cost::CostBook book({});
  const std::atomic<bool> stop{false};
  return search(request, book, evaluator, {}, stop);
}

Result searched(const Request& request) { return searched(request, as_analytic); }

}  // namespace ppplan::search::tests
