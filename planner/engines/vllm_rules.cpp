#include "planner/engines/vllm_rules.h"

#include <algorithm>

#include "planner/catalog/catalog.h"
#include "planner/engines/kv_groups.h"
#include "planner/engines/memory_rules.h"
#include "planner/engines/vllm_partition.h"
#include "planner/engines/vllm_version.h"

namespace ppplan::engines {
namespace {

using input::Node;

/// True when the card's name has one of the parts listed under `key`, or nothing is listed.
bool named_by(const Node& card_class, const std::string& key, const std::string& name) {
  const auto parts = card_class.find(key);
  if (!parts) return true;
  for (const Node& part : parts->items())
    if (name.find(part.text()) != std::string::npos) return true;
  return false;
}

bool in_class(const Node& card_class, const spec::Device& device) {
  const double gib = static_cast<double>(device.memory_bytes) / (1024.0 * 1024.0 * 1024.0);
  if (gib < card_class.at("memory_gib").number(0)) return false;
  if (card_class.find("except") && named_by(card_class, "except", device.name)) return false;
  return named_by(card_class, "only", device.name);
}

Node class_of(const Node& classes, const spec::Device& device) {
  for (const Node& card_class : classes.items())
    if (in_class(card_class, device)) return card_class;
  classes.fail("a last class of 0 GiB");
}

bool slides(const spec::Layer& layer) { return layer.attention.kind == spec::AttentionKind::sliding_window; }

bool on_v2_runner(const std::string& version, const spec::ModelSpec& model) {
  if (spec::is_quantized(model.dtype) && !vllm_rule(version, "v2_runner_quantized").boolean()) return false;
  for (const Node& entry : vllm_rule(version, "v2_runner").items()) {
    const std::string name = entry.text();
    if (name == model.architecture || name == "all" ||
        (name == "dense" && !spec::has_experts(model) && !spec::has_states(model)))
      return true;
  }
  return false;
}

/// Latent attention whose cache is the latent.
bool caches_latents(const std::string& version, const spec::ModelSpec& model) {
  return std::any_of(model.layers.begin(), model.layers.end(), [&](const spec::Layer& layer) {
    return layer.attention.kind == spec::AttentionKind::mla &&
           expanded_head_elements(model, layer.attention, memory_rules(version)) == 0;
  });
}

bool takes_images(const spec::ModelSpec* model) { return model != nullptr && model->tower.parameters > 0; }

/// Long prompts are cut into chunks there, but not where a sliding window, a tower or a cache of latents goes with
/// them.
bool v0_chunks(const std::string& version, const Node& rule, const ServedAs& served) {
  if (served.chunked_prefill) return *served.chunked_prefill;
  if (served.max_model_len <= rule.at("chunked_prefill_above").count()) return false;
  if (served.adapters && !rule.at("chunks_with_adapters").boolean()) return false;
  if (served.model == nullptr) return true;
  if (spec::has_states(*served.model) || takes_images(served.model) || caches_latents(version, *served.model))
    return false;
  return std::none_of(served.model->layers.begin(), served.model->layers.end(), slides);
}

void set_v0_limits(VllmDefaults& out, const std::string& version, const ServedAs& served) {
  const Node rule = vllm_rule(version, "v0");
  out.chunked_prefill = v0_chunks(version, rule, served);
  out.max_num_seqs = rule.at("max_num_seqs").count();
  const int whole = std::max(served.max_model_len, rule.at("least_batched_tokens").count());
  out.max_num_batched_tokens = out.chunked_prefill ? rule.at("chunked_batched_tokens").count() : whole;
  if (const auto least = rule.find("least_tokens_with_images"); least && takes_images(served.model))
    out.max_num_batched_tokens = std::max(out.max_num_batched_tokens, least->count());
}

/// Majors of the compute capability, of which FlashAttention or FlashInfer has a kernel.
bool keeps_fp8(const Node& majors, int capability) {
  for (const Node& major : majors.items())
    if (capability / 10 == major.count()) return true;
  return false;
}

void set_v1_limits(VllmDefaults& out, const Node& classes, const spec::Device& device) {
  const Node card_class = class_of(classes, device);
  out.chunked_prefill = true;
  out.max_num_batched_tokens = card_class.at("max_num_batched_tokens").count();
  out.max_num_seqs = card_class.at("max_num_seqs").count();
}

/// Engine V1 has no file for it and leaves it to V0, or serves it only where it is asked to.
bool is_left_to_v0(const std::string& version, const spec::ModelSpec& model, const std::string& asked) {
  if (asked.empty() && spec::has_states(model) && vllm_rule(version, "v0_states").boolean()) return true;
  const auto entry = catalog::architecture(model.architecture);
  const auto engine = entry ? entry->at("pipeline").find("engine") : std::nullopt;
  return engine && engine->text() == "V0";
}

}  // namespace

std::vector<std::string> known_vllm() {
  std::vector<std::string> out;
  for (const Node& row : catalog::vllm().root().at("versions").items()) out.push_back(row.at("since").text());
  return out;
}

std::string newest_vllm() { return catalog::vllm().root().at("known_until").text(); }

std::string version_or_newest(const std::string& version) { return version.empty() ? newest_vllm() : version; }

std::string latest_vllm_release() { return catalog::vllm().root().at("latest_release").text(); }

VllmDefaults vllm_defaults(const std::string& version, const spec::Device& device, const ServedAs& served) {
  const Node root = catalog::vllm().root();
  const auto rule = [&](const char* key) { return vllm_rule(version, key); };
  VllmDefaults out;
  out.version = vllm_row(version).at("since").text();
  out.known_until = newest_vllm();
  out.gpu_memory_utilization = rule("gpu_memory_utilization").number(0, 1);
  out.cuda_graphs_in_budget = rule("cuda_graphs_in_budget").boolean();
  out.default_split = rule("partition").text();
  const bool fp8_kv = served.model != nullptr && served.model->kv_dtype == spec::DType::fp8;
  const bool left = served.model != nullptr && is_left_to_v0(version, *served.model, served.generation);
  const std::string generation = left ? "V0" : served.generation;
  out.engine = engine_of(version, {served.stages, device.compute_capability, generation, fp8_kv});
  out.asynchronous = out.engine == "V1" && rule(served.stages > 1 ? "asynchronous_pipeline" : "asynchronous").boolean();
  const std::string own = served.model != nullptr ? default_runner(version, *served.model) : "V1";
  out.runner = served.runner.empty() ? own : served.runner;
  if (out.engine == "V0")
    set_v0_limits(out, version, served);
  else
    set_v1_limits(out, rule("card_classes"), device);
  out.block_size = root.at("block_size").count();
  out.send_blocks_next = root.at("send_blocks_next").boolean();
  out.receive_buffers = root.at("receive_buffers").count();
  return out;
}

std::string engine_of(const std::string& version, const EngineChoice& choice) {
  const bool has_v0 = vllm_rule(version, "has_v0").boolean();
  if (choice.generation == "V0" && has_v0) return "V0";
  if (choice.capability > 0) {
    if (choice.capability < vllm_rule(version, "v0_below_compute_capability").count(0)) return "V0";
    if (choice.fp8_kv && has_v0 && !keeps_fp8(vllm_rule(version, "v1_fp8_kv_cards"), choice.capability)) return "V0";
  }
  return vllm_rule(version, choice.stages > 1 && choice.generation != "V1" ? "pipeline_engine" : "engine").text();
}

std::string engine_of(const spec::Plan& plan) {
  const std::string version = version_or_newest(plan.provenance.vllm);
  const int capability = plan.cluster.devices.empty() ? 0 : plan.cluster.devices.front().compute_capability;
  const std::string& asked = plan.engine.generation;
  const std::string generation = is_left_to_v0(version, plan.model, asked) ? "V0" : asked;
  return engine_of(version, {plan.parallel.pp, capability, generation, plan.model.kv_dtype == spec::DType::fp8});
}

std::string version_warning(const std::string& version) {
  const VllmVersion asked = vllm_version(version);
  const std::string oldest = known_vllm().front();
  if (asked < vllm_version(oldest))
    return "vLLM " + version + " is older than the table of rules, which begins with " + oldest + ": take a later one";
  const VllmVersion known = vllm_version(newest_vllm());
  if (std::pair(asked.major, asked.minor) <= std::pair(known.major, known.minor)) return "";
  return "vLLM " + version + " is newer than the last release whose source was read (" + newest_vllm() +
         "): its defaults are extrapolated, so compare them with the server's start-up log";
}

std::string default_runner(const std::string& version, const spec::ModelSpec& model) {
  return on_v2_runner(version, model) ? "V2" : "V1";
}

int batches_in_flight(const std::string& version, const spec::ModelSpec& model, int stages) {
  if (stages == 1) return vllm_rule(version, "asynchronous").boolean() ? 2 : 1;
  if (!vllm_rule(version, "asynchronous_pipeline").boolean()) return stages;
  const bool one_more = vllm_rule(version, "v2_runner_one_more_in_flight").boolean() && on_v2_runner(version, model);
  return one_more ? stages + 1 : stages;
}

std::vector<int> default_partition(const std::string& version, int layers, int stages) {
  const std::string oldest = known_vllm().front();
  const bool in_table = vllm_version(version) >= vllm_version(oldest);
  const bool remainder_last = vllm_rule(in_table ? version : oldest, "partition").text() == "remainder_last";
  return remainder_last ? default_partition_before_0_8(layers, stages) : default_partition(layers, stages);
}

int rank_of(const spec::Parallel& parallel, int replica, int stage, int tp_rank) {
  return (replica * parallel.pp + stage) * parallel.tp + tp_rank;
}

}  // namespace ppplan::engines
