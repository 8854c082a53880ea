#include "planner/verify/plan_facts.h"

#include <algorithm>
#include <cmath>

#include "planner/verify/activation_facts.h"
#include "planner/verify/kernel_facts.h"
#include "planner/verify/memory_constants.h"
#include "planner/verify/model_runner.h"

namespace ppplan::verify {
namespace {

using input::Node;

constexpr std::int64_t most_bytes = std::int64_t{1} << 53;
constexpr std::int64_t most_count = 1 << 30;
constexpr std::int64_t most_degree = 1 << 20;  // the product of three stays in 64 bits

std::int64_t bytes(const Node& node, const char* key) { return node.at(key).integer(-most_bytes, most_bytes); }
std::int64_t count(const Node& node, const char* key, std::int64_t low = 1) {
  return node.at(key).integer(low, most_count);
}

std::vector<double> numbers(const Node& node) {
  std::vector<double> out;
  for (const Node& item : node.items()) out.push_back(item.number(0));
  return out;
}

std::vector<DeviceFacts> read_devices(const Node& list) {
  std::vector<DeviceFacts> out;
  for (const Node& item : list.items()) {
    if (item.at("index").integer() != static_cast<std::int64_t>(out.size()))
      item.at("index").fail(std::to_string(out.size()));
    out.push_back({item.at("name").text(), bytes(item, "memory_bytes"), bytes(item, "free_bytes"), 0});
    if (const auto known = item.find("compute_capability"))
      out.back().compute_capability = known->integer(0, most_count);
  }
  return out;
}

double slowest_link(const Node& cluster) {
  double slowest = 0;
  if (const auto links = cluster.find("links"))
    for (const Node& link : links->items()) {
      const double bandwidth = link.at("bandwidth_bytes_per_s").number(1e-9);
      slowest = slowest > 0 ? std::min(slowest, bandwidth) : bandwidth;
    }
  return slowest;
}

void read_memory(const Node& node, StageFacts& stage) {
  stage.budget_bytes = bytes(node, "budget_bytes");
  stage.weights_bytes = bytes(node, "weights_bytes");
  stage.embedding_bytes = bytes(node, "embedding_bytes");
  stage.head_bytes = bytes(node, "head_bytes");
  stage.activation_bytes = bytes(node, "activation_bytes");
  stage.cuda_graph_bytes = bytes(node, "cuda_graph_bytes");
  stage.other_bytes = bytes(node, "other_bytes");
  stage.kv_bytes = bytes(node, "kv_bytes");
  stage.margin_bytes = bytes(node, "margin_bytes");
  const auto detail = [&](const char* key) { return node.find(key) ? bytes(node, key) : 0; };
  stage.tower_bytes = detail("tower_bytes");
  stage.draft_bytes = detail("draft_bytes");
  stage.sampler_bytes = detail("sampler_bytes");
  stage.reserve_bytes = detail("reserve_bytes");
  stage.unused_bytes = detail("unused_bytes");
  stage.states_uncertainty = node.find("uncertainty_bytes").has_value();
  if (stage.states_uncertainty) stage.uncertainty_bytes = bytes(node, "uncertainty_bytes");
}

StageFacts read_stage(const Node& node) {
  StageFacts stage;
  stage.first_layer = count(node, "first_layer", 0);
  stage.end_layer = count(node, "end_layer", 0);
  stage.embedding = node.at("embedding").boolean();
  stage.head = node.at("head").boolean();
  for (const Node& group : node.at("devices").items()) {
    stage.devices.emplace_back();
    for (const Node& device : group.items()) stage.devices.back().push_back(device.integer(0, most_count));
  }
  stage.verdict = node.at("verdict").text();
  read_memory(node.at("memory"), stage);
  if (const auto tower = node.find("tower")) stage.tower = tower->boolean();
  stage.kv_tokens = bytes(node, "kv_tokens");
  stage.kv_blocks = node.find("kv_blocks") ? bytes(node, "kv_blocks") : 0;
  stage.prefill_s = node.at("time").at("prefill_s").number(0);
  stage.decode_s = node.at("time").at("decode_s").number(0);
  return stage;
}

BatchFacts read_batch(const Node& node) {
  BatchFacts batch;
  batch.sequences = count(node, "sequences");
  batch.new_tokens = count(node, "new_tokens");
  batch.past_tokens = count(node, "past_tokens", 0);
  batch.layer_s = numbers(node.at("layer_s"));
  batch.embedding_s = node.at("embedding_s").number(0);
  batch.head_s = node.at("head_s").number(0);
  batch.boundary_latency_s = numbers(node.at("boundary_latency_s"));
  batch.boundary_bytes = numbers(node.at("boundary_bytes"));
  batch.token_return_s = node.at("token_return_s").number(0);
  if (const auto alone = node.find("alone_fraction")) batch.alone_fraction = alone->number(0, 1);
  return batch;
}

void read_engine(const Node& inputs, PlanFacts& plan) {
  if (const auto engine = inputs.find("engine")) {
    plan.block_tokens = engine->at("block_size").integer(1, most_count);
    plan.enforce_eager = engine->at("enforce_eager").boolean();
    plan.expert_parallel = engine->at("expert_parallel").boolean();
    plan.draft = engine->at("draft").boolean();
    if (const auto encoder = engine->find("encoder")) {
      const auto none = [&](const char* key) { return encoder->find(key) && count(*encoder, key, 0) == 0; };
      plan.no_items = none("images") && none("videos");
      plan.whole_towers = encoder->at("data_parallel").boolean();
    }
    if (const auto adapters = engine->find("adapters")) {
      plan.adapter_ranks = static_cast<double>(count(*adapters, "count") * count(*adapters, "rank"));
      plan.divided_adapters = adapters->at("fully_sharded").boolean();
    }
    plan.to_fp8 = engine->at("quantization").text() == "fp8";
    if (engine->find("cpu_offload_bytes")) plan.cpu_offload_bytes = engine->at("cpu_offload_bytes").number(0);
    if (engine->find("graph_sizes")) plan.graph_sizes = numbers(engine->at("graph_sizes"));
    if (const auto mode = engine->find("graph_mode")) plan.graph_mode = mode->text();
    if (const auto backend = engine->find("moe_backend")) plan.moe_backend = backend->text();
    if (engine->find("kv_cache_memory_bytes")) plan.kv_cache_memory_bytes = bytes(*engine, "kv_cache_memory_bytes");
  }
  const auto list = inputs.find("corrections");
  if (!list) return;
  for (const Node& item : list->items()) {
    CorrectionFacts correction{item.at("part").text(), bytes(item, "delta_bytes"), std::nullopt};
    if (const auto stage = item.find("stage")) correction.stage = stage->integer(0, most_count);
    plan.corrections.push_back(correction);
  }
}

/// Needs parallel, engine, version, stages and the devices of the inputs.
void read_kept(const Node& model, PlanFacts& plan) {
  plan.rotary_bytes = rotary_bytes(model, plan.vllm);
  plan.kept_bytes.clear();
  for (const StageFacts& stage : plan.stages) {
    KernelPlace place{plan.tp, plan.expert_parallel ? plan.tp * plan.dp : 0, 0, plan.vllm};
    place.moe_backend = plan.moe_backend;
    place.adapter_ranks = plan.adapter_ranks;
    place.divided_adapters = plan.divided_adapters;
    if (plan.are_devices(stage))
      place.compute_capability =
          plan.input_devices[static_cast<std::size_t>(stage.devices.front().front())].compute_capability;
    std::vector<double>& kept = plan.kept_bytes.emplace_back();
    for (const Node& run : model.at("layers").items())
      kept.insert(kept.end(),
                  std::min<std::size_t>(static_cast<std::size_t>(run.at("count").integer(1, most_count)),
                                        plan.model.layers.size() - kept.size()),
                  kept_bytes(model, run, place));
  }
}

/// Needs parallel, engine, batching and version.
void read_widths(const Node& model, PlanFacts& plan) {
  plan.vocabulary = model.at("vocabulary").number(0);
  const auto hidden = static_cast<double>(count(model, "hidden"));
  plan.element_bytes = plan.model.norm_bytes / hidden;
  for (const Node& run : model.at("layers").items())
    plan.widths.insert(plan.widths.end(), static_cast<std::size_t>(count(run, "count")),
                       width_facts(run, plan, hidden));
}

/// Needs parallel, version and the devices of the inputs.
void read_served(const Node& inputs, PlanFacts& plan) {
  const auto engine = inputs.find("engine");
  const auto asked = [&](const char* key) {
    const auto found = engine ? engine->find(key) : std::nullopt;
    return found ? found->text() : std::string();
  };
  const std::string runner = asked("runner");
  plan.runner_v2 = runner.empty() ? runs_on_v2(inputs.at("model"), plan.vllm) : runner == "V2";
  const std::int64_t capability = plan.input_devices.empty() ? 0 : plan.input_devices.front().compute_capability;
  const bool fp8_kv = inputs.at("model").at("kv_dtype").text() == "fp8";
  const bool left = is_left_to_v0(inputs.at("model"), plan.vllm, asked("generation"));
  plan.v0 = runs_on_v0(plan.vllm, {plan.pp, capability, asked("generation") == "V0" || left, fp8_kv,
                                   asked("generation") == "V1" && !left});
  if (memory_constant("cuda_graph_modes_heeded", plan) == 0) plan.graph_mode.clear();
}

void read_inputs(const Node& inputs, PlanFacts& plan) {
  plan.input_devices = read_devices(inputs.at("cluster").at("devices"));
  plan.slowest_link_bytes_per_s = slowest_link(inputs.at("cluster"));
  plan.model = model_facts(inputs.at("model"));
  read_engine(inputs, plan);
  const auto architecture = inputs.at("model").find("architecture");
  plan.gpt_oss = architecture && architecture->text() == "GptOssForCausalLM";
  read_served(inputs, plan);
  read_kept(inputs.at("model"), plan);
  read_widths(inputs.at("model"), plan);
  plan.max_model_len = count(inputs, "max_model_len");
  plan.gpu_memory_utilization = inputs.at("gpu_memory_utilization").number(0, 1);
  if (const auto longest = inputs.at("model").find("max_position")) plan.max_position = longest->integer(0, most_count);
  plan.input_tokens = count(inputs.at("workload"), "input_tokens", 0);
  plan.output_tokens = count(inputs.at("workload"), "output_tokens", 0);
  for (const Node& batch : inputs.at("costs").items()) plan.batches.push_back(read_batch(batch));
}

}  // namespace

PlanFacts plan_facts(const Node& node) {
  PlanFacts plan;
  plan.num_layers = count(node.at("model"), "num_layers", 0);
  plan.devices = read_devices(node.at("cluster").at("devices"));
  const Node parallel = node.at("parallel");
  plan.tp = parallel.at("tp").integer(1, most_degree);
  plan.pp = parallel.at("pp").integer(1, most_degree);
  plan.dp = parallel.at("dp").integer(1, most_degree);
  for (const Node& entry : node.at("partition").items())
    plan.partition.push_back(entry.integer(-most_count, most_count));
  for (const Node& stage : node.at("stages").items()) plan.stages.push_back(read_stage(stage));
  const Node batching = node.at("micro_batching");
  plan.in_flight = count(batching, "in_flight");
  plan.max_num_batched_tokens = count(batching, "max_num_batched_tokens");
  plan.max_num_seqs = count(batching, "max_num_seqs");
  plan.verdict = node.at("verdict").text();
  plan.vllm = node.at("provenance").at("vllm").text();
  if (const auto longest = node.find("longest_context")) plan.longest_context = longest->integer(0, most_count);
  if (const auto at = node.find("fails_at"))
    plan.failure = {at->text(), count(node, "stage", 0), bytes(node, "short_bytes")};
  read_inputs(node.at("inputs"), plan);
  return plan;
}

bool PlanFacts::are_devices(const StageFacts& stage) const {
  if (stage.devices.empty()) return false;
  return std::ranges::all_of(stage.devices, [&](const auto& group) {
    return !group.empty() && std::ranges::all_of(group, [&](std::int64_t index) {
      return index < static_cast<std::int64_t>(input_devices.size());
    });
  });
}

bool PlanFacts::sound() const {
  const auto layers = static_cast<std::int64_t>(model.layers.size());
  const bool stages_sound = std::ranges::all_of(stages, [&](const StageFacts& stage) {
    return stage.first_layer < stage.end_layer && stage.end_layer <= layers && are_devices(stage);
  });
  const bool batches_sound = std::ranges::all_of(batches, [&](const BatchFacts& batch) {
    return static_cast<std::int64_t>(batch.layer_s.size()) == layers &&
           batch.boundary_latency_s.size() + 1 == stages.size() && batch.boundary_bytes.size() + 1 == stages.size();
  });
  return !stages.empty() && stages_sound && batches_sound && static_cast<std::int64_t>(stages.size()) == pp;
}

double layer_bytes(const PlanFacts& plan, const StageFacts& stage) {
  const auto& kept = plan.kept_bytes[static_cast<std::size_t>(&stage - plan.stages.data())];
  double sum = plan.rotary_bytes;
  for (std::int64_t l = stage.first_layer; l < stage.end_layer; ++l)
    sum += rank_weight_bytes(plan.model.layers[static_cast<std::size_t>(l)], plan.tp,
                             plan.expert_parallel ? plan.tp * plan.dp : 0) +
           kept[static_cast<std::size_t>(l)];
  return sum;
}

double memory_constant(const std::string& name, const PlanFacts& plan) {
  return memory_constant(name, plan.vllm, plan.v0);
}

}  // namespace ppplan::verify
