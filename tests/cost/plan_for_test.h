// Small plans that cost and search tests share: a model of equal layers on a uniform cluster.
#pragma once

#include <string>
#include <vector>

#include "planner/spec/plan.h"

namespace ppplan::tests {

/// `layers` equal GQA layers (hidden 512, 8 heads of 64, 2 KV heads, intermediate 1024), vocabulary 4096, bf16, untied.
inline spec::ModelSpec small_model(int layers) {
  spec::ModelSpec model;
  model.name = "small";
  model.architecture = "LlamaForCausalLM";
  model.hidden = 512;
  model.vocabulary = 4096;
  model.max_position = 8192;
  spec::Layer layer;
  layer.attention = {.heads = 8, .kv_heads = 2, .head_dim = 64};
  layer.feed_forward = {.intermediate = 1024};
  model.layers.assign(static_cast<std::size_t>(layers), layer);
  return model;
}

/// `count` devices of 8 GiB, 1 TB/s and 100 TFLOP/s on one switch: each has a link of its own of 100 GB/s each way.
inline spec::ClusterSpec switched_cluster(int count) {
  spec::ClusterSpec cluster;
  for (int i = 0; i < count; ++i) {
    cluster.links.push_back(
        {.name = "port" + std::to_string(i), .kind = spec::LinkKind::nvlink, .bandwidth_bytes_per_s = 100e9});
    spec::Device device;
    device.name = "test-card";
    device.memory_bytes = device.free_bytes = std::int64_t{8} << 30;
    device.memory_bytes_per_s = 1e12;
    device.bf16_flops_per_s = device.fp16_flops_per_s = 100e12;
    device.paths = {{"switch", {i}}};
    cluster.devices.push_back(device);
  }
  return cluster;
}

/// The plan of a partition over devices in order, tp ranks a stage, one replica.
inline spec::Plan small_plan(const std::vector<int>& partition, int tp = 1) {
  spec::Plan plan;
  int layers = 0, device = 0;
  for (const int count : partition) {
    spec::Stage stage;
    stage.first_layer = layers;
    stage.end_layer = layers += count;
    stage.devices.emplace_back();
    for (int t = 0; t < tp; ++t) stage.devices.back().push_back(device++);
    plan.stages.push_back(stage);
  }
  plan.stages.front().embedding = true;
  plan.stages.back().head = true;
  plan.model = small_model(layers);
  plan.cluster = switched_cluster(device);
  plan.partition = partition;
  plan.parallel = {tp, static_cast<int>(partition.size()), 1};
  plan.micro_batching.in_flight = plan.parallel.pp;
  return plan;
}

}  // namespace ppplan::tests
