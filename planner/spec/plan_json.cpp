#include "planner/spec/plan_json.h"

#include "planner/spec/fields.h"

namespace ppplan::spec {
namespace {

using input::Json;

Json memory_json(const StageMemory& memory) {
  Json out;
  for (const auto& [key, member] : memory_sizes) out[key] = memory.*member;
  for (const auto& [key, member] : memory_balances) out[key] = memory.*member;
  for (const auto& [key, member] : memory_details) out[key] = memory.*member;
  out["reserve_bytes"] = memory.reserve_bytes;
  return out;
}

Json stage_json(const Stage& stage) {
  Json out;
  out["first_layer"] = stage.first_layer;
  out["end_layer"] = stage.end_layer;
  out["embedding"] = stage.embedding;
  out["head"] = stage.head;
  out["tower"] = stage.tower;
  out["devices"] = stage.devices;
  out["verdict"] = name(stage.verdict);
  out["memory"] = memory_json(stage.memory);
  out["kv_tokens"] = stage.kv_tokens;
  out["kv_blocks"] = stage.kv_blocks;
  out["time"] = {{"prefill_s", stage.prefill_s}, {"decode_s", stage.decode_s}};
  return out;
}

Json micro_batching_json(const MicroBatching& batching) {
  return {{"in_flight", batching.in_flight},
          {"max_num_batched_tokens", batching.max_num_batched_tokens},
          {"max_num_seqs", batching.max_num_seqs},
          {"receive_buffers", batching.receive_buffers},
          {"send_blocks_next", batching.send_blocks_next}};
}

Json predicted_json(const Predicted& predicted) {
  Json out;
  for (const auto& [key, member] : predicted_amounts) out[key] = predicted.*member;
  for (const auto& [key, member] : predicted_fractions) out[key] = predicted.*member;
  out["kv_tokens"] = predicted.kv_tokens;
  out["limiting_stage"] = predicted.limiting_stage;
  out["simulated_by"] = predicted.simulated_by;
  out["uncertainty"] = Json::object();
  for (const auto& [key, range] : predicted.uncertainty) out["uncertainty"][key] = {range.low, range.high};
  return out;
}

Json neighbours_json(const std::vector<Neighbour>& neighbours) {
  Json out = Json::array();
  for (const Neighbour& neighbour : neighbours) {
    out.push_back({{"partition", neighbour.partition},
                   {"kv_tokens", neighbour.kv_tokens},
                   {"output_tokens_per_s", neighbour.output_tokens_per_s},
                   {"verdict", name(neighbour.verdict)}});
  }
  return out;
}

Json launch_json(const Launch& launch) { return {{"env", launch.env}, {"command", launch.command}}; }

Json provenance_json(const Provenance& provenance) {
  Json out = {{"costs", provenance.costs},
              {"engine", provenance.engine},
              {"profile", provenance.profile},
              {"vllm", provenance.vllm}};
  if (provenance.core_speed > 0) out["core_speed"] = provenance.core_speed;
  if (provenance.alone_core_speed > 0) out["alone_core_speed"] = provenance.alone_core_speed;
  if (provenance.busy_cores > 0) out["busy_cores"] = provenance.busy_cores;
  return out;
}

Json batch_times_json(const BatchTimes& times) {
  Json out;
  out["sequences"] = times.shape.sequences;
  out["new_tokens"] = times.shape.new_tokens;
  out["past_tokens"] = times.shape.past_tokens;
  out["samples"] = times.shape.samples;
  out["layer_s"] = times.layer_s;
  out["embedding_s"] = times.embedding_s;
  out["head_s"] = times.head_s;
  out["boundary_latency_s"] = times.boundary_latency_s;
  out["boundary_bytes"] = times.boundary_bytes;
  out["token_return_s"] = times.token_return_s;
  out["relative_error"] = times.relative_error;
  out["outside"] = times.outside;
  if (times.alone_fraction < 1) out["alone_fraction"] = times.alone_fraction;
  return out;
}

Json workload_json(const Workload& workload) {
  Json out;
  out["input_tokens"] = workload.input_tokens;
  out["output_tokens"] = workload.output_tokens;
  out["concurrency"] = workload.concurrency;
  out["goal"] = name(workload.goal);
  if (workload.max_ttft_s) out["max_ttft_s"] = *workload.max_ttft_s;
  if (workload.max_tpot_s) out["max_tpot_s"] = *workload.max_tpot_s;
  return out;
}

/// The devices as a reader looks for them; inputs.cluster has the rest.
Json devices_json(const ClusterSpec& cluster) {
  Json out = Json::array();
  for (std::size_t i = 0; i < cluster.devices.size(); ++i) {
    const Device& device = cluster.devices[i];
    out.push_back({{"index", i},
                   {"name", device.name},
                   {"memory_bytes", device.memory_bytes},
                   {"free_bytes", device.free_bytes}});
  }
  return out;
}

Json encoder_json(const EncoderSettings& encoder) {
  Json out;
  if (encoder.images) out["images"] = *encoder.images;
  if (encoder.videos) out["videos"] = *encoder.videos;
  if (encoder.max_pixels) out["max_pixels"] = *encoder.max_pixels;
  out["data_parallel"] = encoder.data_parallel;
  return out;
}

Json adapters_json(const AdapterSettings& adapters) {
  Json out;
  out["count"] = adapters.count;
  out["rank"] = adapters.rank;
  out["fully_sharded"] = adapters.fully_sharded;
  return out;
}

Json engine_json(const EngineSettings& engine) {
  Json out;
  out["block_size"] = engine.block_size;
  out["enforce_eager"] = engine.enforce_eager;
  if (engine.kv_cache_memory_bytes) out["kv_cache_memory_bytes"] = *engine.kv_cache_memory_bytes;
  if (engine.cpu_offload_bytes > 0) out["cpu_offload_bytes"] = engine.cpu_offload_bytes;
  if (engine.chunked_prefill) out["chunked_prefill"] = *engine.chunked_prefill;
  if (!engine.state_dtype.empty()) out["state_dtype"] = engine.state_dtype;
  out["expert_parallel"] = engine.expert_parallel;
  out["draft"] = engine.draft;
  out["quantization"] = engine.quantization;
  if (!engine.generation.empty()) out["generation"] = engine.generation;
  if (!engine.runner.empty()) out["runner"] = engine.runner;
  if (!engine.moe_backend.empty()) out["moe_backend"] = engine.moe_backend;
  if (!engine.graphs.sizes.empty()) out["graph_sizes"] = engine.graphs.sizes;
  if (!engine.graphs.mode.empty()) out["graph_mode"] = engine.graphs.mode;
  if (engine.encoder != EncoderSettings()) out["encoder"] = encoder_json(engine.encoder);
  if (engine.adapters.count > 0) out["adapters"] = adapters_json(engine.adapters);
  return out;
}

Json inputs_json(const Plan& plan) {
  Json out;
  out["assumed"] = plan.assumed;
  out["flags"] = plan.inputs;
  out["max_model_len"] = plan.max_model_len;
  out["gpu_memory_utilization"] = plan.gpu_memory_utilization;
  out["engine"] = engine_json(plan.engine);
  out["corrections"] = to_json(plan.corrections);
  out["workload"] = workload_json(plan.workload);
  out["model"] = to_json(plan.model);
  out["cluster"] = to_json(plan.cluster);
  out["costs"] = Json::array();
  for (const BatchTimes& times : plan.times) out["costs"].push_back(batch_times_json(times));
  return out;
}

}  // namespace

Json to_json(const Plan& plan) {
  Json out;
  out["format"] = "ppplan/plan/1";
  out["model"] = {{"name", plan.model.name}, {"num_layers", plan.model.layers.size()}};
  out["cluster"]["devices"] = devices_json(plan.cluster);
  out["parallel"] = {{"tp", plan.parallel.tp}, {"pp", plan.parallel.pp}, {"dp", plan.parallel.dp}};
  out["partition"] = plan.partition;
  out["stages"] = Json::array();
  for (const Stage& stage : plan.stages) out["stages"].push_back(stage_json(stage));
  out["micro_batching"] = micro_batching_json(plan.micro_batching);
  out["predicted"] = predicted_json(plan.predicted);
  out["verdict"] = name(plan.verdict);
  if (plan.failure) {
    out["fails_at"] = plan.failure->at;
    out["stage"] = plan.failure->stage;
    out["short_bytes"] = plan.failure->short_bytes;
  }
  out["longest_context"] = plan.longest_context;
  out["warnings"] = plan.warnings;
  out["neighbours"] = neighbours_json(plan.neighbours);
  out["launch"] = launch_json(plan.launch);
  out["provenance"] = provenance_json(plan.provenance);
  out["inputs"] = inputs_json(plan);
  return out;
}

}  // namespace ppplan::spec
