#include "planner/engines/launch_words.h"

#include <algorithm>
#include <sstream>

#include "planner/engines/shell_text.h"
#include "planner/engines/vllm_flags.h"
#include "planner/engines/vllm_partition.h"
#include "planner/engines/vllm_rules.h"
#include "planner/engines/vllm_version.h"
#include "planner/spec/read_model.h"

namespace ppplan::engines {
namespace {

std::string number(double value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

/// A flag of newer releases is left out of an older one's line.
bool exists(const spec::Plan& plan, const std::string& name) {
  const VllmFlag* flag = find_flag(name);
  return flag != nullptr && has_flag(plan_version(plan), *flag);
}

void add(Words& words, const std::string& flag, const std::string& value) {
  words.push_back(flag);
  words.push_back(value);
}

void add(Words& words, const std::string& flag, std::int64_t value) { add(words, flag, std::to_string(value)); }

bool in_catalog(const spec::ModelSpec& model) {
  const auto known = spec::known_models();
  return std::find(known.begin(), known.end(), model.name) != known.end();
}

/// What the checkpoint itself does not say. int8, int4 and nvfp4 need a checkpoint made for them: no flag turns one
/// into them.
void add_formats(Words& words, const spec::ModelSpec& model, const std::string& told) {
  const bool converted = in_catalog(model) && spec::read_model(model.name).dtype != model.dtype;
  const bool to_fp8 = converted && model.dtype == spec::DType::fp8;
  if (to_fp8 || !told.empty()) add(words, "--quantization", told.empty() ? "fp8" : told);
  if (converted && model.dtype == spec::DType::bf16) add(words, "--dtype", "bfloat16");
  if ((converted || !in_catalog(model)) && model.dtype == spec::DType::fp16) add(words, "--dtype", "float16");
  if (model.kv_dtype == spec::DType::fp8) add(words, "--kv-cache-dtype", "fp8");
}

/// Limits of items as JSON; releases before 0.9 take image=1,video=0.
std::string item_limits(const spec::EncoderSettings& encoder, bool json) {
  std::string out;
  const auto one = [&](const char* kind, const std::optional<int>& limit) {
    if (!limit) return;
    out.append(out.empty() ? "" : ",").append(json ? "\"" : "").append(kind).append(json ? "\":" : "=");
    out.append(std::to_string(*limit));
  };
  one("image", encoder.images);
  one("video", encoder.videos);
  return json ? "{" + out + "}" : out;
}

void add_encoder(Words& words, const spec::Plan& plan) {
  const spec::EncoderSettings& encoder = plan.engine.encoder;
  const bool json = vllm_version(plan_version(plan)) >= vllm_version("0.9");
  if ((encoder.images || encoder.videos) && exists(plan, "--limit-mm-per-prompt"))
    add(words, "--limit-mm-per-prompt", item_limits(encoder, json));
  if (encoder.data_parallel && exists(plan, "--mm-encoder-tp-mode")) add(words, "--mm-encoder-tp-mode", "data");
  if (encoder.max_pixels && exists(plan, "--mm-processor-kwargs"))
    add(words, "--mm-processor-kwargs", "{\"max_pixels\":" + std::to_string(*encoder.max_pixels) + "}");
}

/// A word of its own before the flag had a --no- form.
void add_chunks(Words& words, const spec::Plan& plan) {
  if (*plan.engine.chunked_prefill)
    words.push_back("--enable-chunked-prefill");
  else if (vllm_version(plan_version(plan)) < vllm_version("0.8.5"))
    words.push_back("--enable-chunked-prefill=False");
  else
    words.push_back("--no-enable-chunked-prefill");
}

/// Sizes have this name in every release that reads them; a mode had none of its own before 0.11, where a level below
/// compiling captures nothing.
void add_graphs(Words& words, const spec::Plan& plan) {
  const spec::GraphSettings& graphs = plan.engine.graphs;
  const bool v0 = engine_of(plan) == "V0";  // heeds sizes alone
  if (graphs == spec::GraphSettings() || !exists(plan, "--compilation-config")) return;
  input::Json config = input::Json::object();
  if (!graphs.sizes.empty()) config["cudagraph_capture_sizes"] = graphs.sizes;
  const bool by_level = vllm_version(plan_version(plan)) < vllm_version("0.11");
  if (!v0 && by_level && graphs.mode == "NONE") config["level"] = 0;
  if (!v0 && !by_level && !graphs.mode.empty()) config["cudagraph_mode"] = graphs.mode;
  if (!config.empty()) add(words, "--compilation-config", config.dump());
}

void add_adapters(Words& words, const spec::Plan& plan) {
  const spec::AdapterSettings& adapters = plan.engine.adapters;
  if (adapters.count == 0) return;
  words.push_back("--enable-lora");
  add(words, "--max-loras", adapters.count);
  add(words, "--max-lora-rank", adapters.rank);
  if (adapters.fully_sharded) words.push_back("--fully-sharded-loras");
}

void add_settings(Words& words, const spec::Plan& plan) {
  const spec::EngineSettings& engine = plan.engine;
  if (engine.block_size != spec::EngineSettings().block_size) add(words, "--block-size", engine.block_size);
  if (engine.enforce_eager) words.push_back("--enforce-eager");
  if (engine.kv_cache_memory_bytes && exists(plan, "--kv-cache-memory-bytes"))
    add(words, "--kv-cache-memory-bytes", *engine.kv_cache_memory_bytes);
  if (engine.expert_parallel && exists(plan, "--enable-expert-parallel")) words.push_back("--enable-expert-parallel");
  if (engine.cpu_offload_bytes > 0)
    add(words, "--cpu-offload-gb", number(static_cast<double>(engine.cpu_offload_bytes) / (1 << 30)));
  if (engine.chunked_prefill) add_chunks(words, plan);
  if (!engine.state_dtype.empty() && exists(plan, "--mamba-ssm-cache-dtype"))
    add(words, "--mamba-ssm-cache-dtype", engine.state_dtype);
  if (!engine.moe_backend.empty() && exists(plan, "--moe-backend")) add(words, "--moe-backend", engine.moe_backend);
  add_graphs(words, plan);
  add_encoder(words, plan);
  add_adapters(words, plan);
  if (engine.draft && exists(plan, "--speculative-config"))
    add(words, "--speculative-config", R"({"method": "mtp", "num_speculative_tokens": 1})");
}

/// A device's slot; its position among those of its node where slots were left equal.
int slot_of(const spec::ClusterSpec& cluster, int device) {
  const spec::Device& asked = cluster.devices[static_cast<std::size_t>(device)];
  int before = 0;
  bool distinct = true;
  for (int other = 0; other < static_cast<int>(cluster.devices.size()); ++other) {
    const spec::Device& card = cluster.devices[static_cast<std::size_t>(other)];
    if (card.node != asked.node || other == device) continue;
    distinct = distinct && card.slot != asked.slot;
    before += other < device ? 1 : 0;
  }
  return distinct ? asked.slot : before;
}

bool mixes_kinds(const spec::ClusterSpec& cluster, int node) {
  const std::string* name = nullptr;
  for (const spec::Device& device : cluster.devices) {
    if (device.node != node) continue;
    if (name != nullptr && *name != device.name) return true;
    name = &device.name;
  }
  return false;
}

}  // namespace

std::string plan_version(const spec::Plan& plan) { return version_or_newest(plan.provenance.vllm); }

Words server_flags(const spec::Plan& plan) {
  Words words;
  add(words, "--pipeline-parallel-size", plan.parallel.pp);
  add(words, "--tensor-parallel-size", plan.parallel.tp);
  if (plan.parallel.dp > 1) add(words, "--data-parallel-size", plan.parallel.dp);
  add_formats(words, plan.model, plan.engine.quantization);
  add(words, "--max-model-len", plan.max_model_len);
  add(words, "--max-num-batched-tokens", plan.micro_batching.max_num_batched_tokens);
  add(words, "--max-num-seqs", plan.micro_batching.max_num_seqs);
  add(words, "--gpu-memory-utilization", number(plan.gpu_memory_utilization));
  add_settings(words, plan);
  return words;
}

std::vector<int> devices_by_rank(const spec::Plan& plan) {
  std::vector<int> out;
  for (std::size_t replica = 0; replica < static_cast<std::size_t>(plan.parallel.dp); ++replica)
    for (const spec::Stage& stage : plan.stages) {
      if (replica >= stage.devices.size()) return {};
      out.insert(out.end(), stage.devices[replica].begin(), stage.devices[replica].end());
    }
  const auto in_cluster = [&](int device) {
    return device >= 0 && static_cast<std::size_t>(device) < plan.cluster.devices.size();
  };
  return std::all_of(out.begin(), out.end(), in_cluster) ? out : std::vector<int>{};
}

std::vector<int> nodes_by_rank(const spec::Plan& plan) {
  std::vector<int> out;
  for (int device : devices_by_rank(plan)) {
    const int node = plan.cluster.devices[static_cast<std::size_t>(device)].node;
    if (std::find(out.begin(), out.end(), node) == out.end()) out.push_back(node);
  }
  if (out.empty()) out.push_back(0);
  return out;
}

std::vector<int> visible_devices(const spec::Plan& plan, int node) {
  std::vector<int> out;
  for (int device : devices_by_rank(plan))
    if (plan.cluster.devices[static_cast<std::size_t>(device)].node == node)
      out.push_back(slot_of(plan.cluster, device));
  return out;
}

std::map<std::string, std::string> device_environment(const spec::Plan& plan, int node) {
  const std::vector<int> visible = visible_devices(plan, node);
  bool first_in_order = true;
  for (std::size_t i = 0; i < visible.size(); ++i) first_in_order = first_in_order && visible[i] == static_cast<int>(i);
  if (first_in_order && !mixes_kinds(plan.cluster, node)) return {};
  return {{"CUDA_DEVICE_ORDER", "PCI_BUS_ID"}, {"CUDA_VISIBLE_DEVICES", joined(visible)}};
}

std::map<std::string, std::string> engine_environment(const spec::Plan& plan) {
  std::map<std::string, std::string> out;
  if (plan.parallel.pp > 1) out["VLLM_PP_LAYER_PARTITION"] = partition_text(plan.partition);
  if (plan.engine.generation == "V0") out["VLLM_USE_V1"] = "0";
  if (plan.engine.generation == "V1" && plan.parallel.pp == 1 && vllm_rule(plan_version(plan), "has_v0").boolean())
    out["VLLM_USE_V1"] = "1";
  if (plan.model.max_position > 0 && plan.max_model_len > plan.model.max_position)
    out["VLLM_ALLOW_LONG_MAX_MODEL_LEN"] = "1";
  if (plan.engine.moe_backend == "marlin" && !exists(plan, "--moe-backend")) out["VLLM_MXFP4_USE_MARLIN"] = "1";
  if (!plan.engine.runner.empty()) out["VLLM_USE_V2_MODEL_RUNNER"] = plan.engine.runner == "V2" ? "1" : "0";
  return out;
}

std::string joined(const std::vector<int>& numbers) { return partition_text(numbers); }

std::string shell_words(const Words& words) {
  std::string out;
  for (const std::string& word : words) out.append(out.empty() ? "" : " ").append(shell_quoted(word));
  return out;
}

std::string shell_environment(const std::map<std::string, std::string>& env) {
  std::string out;
  for (const auto& [name, value] : env) out.append(name).append("=").append(shell_quoted(value)).append(" ");
  return out;
}

}  // namespace ppplan::engines
