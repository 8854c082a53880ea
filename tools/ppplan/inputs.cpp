#include "tools/ppplan/inputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "planner/engines/dtype_support.h"
#include "planner/engines/line_graphs.h"
#include "planner/engines/vllm_rules.h"
#include "planner/input/input_error.h"
#include "planner/spec/model_names.h"
#include "planner/spec/plan_json.h"
#include "planner/spec/read_model.h"
#include "traces/profile_json.h"

namespace ppplan::tools {
namespace {

constexpr int default_input_tokens = 2048, default_output_tokens = 256, default_concurrency = 64;

int positive(const std::optional<int>& value, int otherwise, const std::string& flag) {
  if (value && *value < 1) throw input::InputError(flag, "", "a whole number of at least 1", std::to_string(*value));
  return value.value_or(otherwise);
}

std::optional<int> positive(const std::optional<int>& value, const std::string& flag) {
  if (!value) return std::nullopt;
  return positive(value, 1, flag);
}

void positive_seconds(const std::optional<double>& value, const std::string& flag) {
  if (value && !(*value > 0)) throw input::InputError(flag, "", "a time above 0 s", fmt::format("{}", *value));
}

spec::DType dtype_of(const std::string& text, const std::string& flag) {
  if (const auto known = spec::dtype(text)) return *known;
  throw input::InputError(flag, "", "one of fp32, bf16, fp16, fp8, int8, int4, int4-g32, nvfp4", "'" + text + "'");
}

/// vLLM compares the method that the line names with the checkpoint's own.
void same_method(const InputFlags& flags, const spec::ModelSpec& model) {
  const std::string& own = model.quantization;
  for (const char* other : {"awq", "gptq", "bitsandbytes", "fp8", "mxfp4"})
    if (own == other && flags.server_quantization != own)
      throw input::InputError("--quantization", "", own + ", which the checkpoint is in",
                              "'" + flags.server_quantization + "'");
}

/// --dtype names a format, not a checkpoint: a listed checkpoint in that format tells what it leaves alone, otherwise
/// every matrix of the layers is taken to be in it. Servers that convert at start-up leave nothing alone, and what is
/// quantized already as it is.
void set_dtype(spec::ModelSpec& model, const InputFlags& flags) {
  const spec::DType dtype = dtype_of(flags.dtype, "--dtype");
  if (flags.dtype_is_converted && !model.quantization.empty()) return same_method(flags, model);
  if (flags.dtype_is_converted && (model.dtype == dtype || model.expert_dtype == dtype)) return;
  const auto listed = flags.dtype_is_converted ? std::nullopt : spec::listed_checkpoint(flags.model, dtype);
  spec::set_weight_dtype(model, dtype);
  if (listed) {
    model.dtype = listed->formats.dense;
    model.attention_dtype = listed->formats.attention;
    model.expert_dtype = listed->formats.experts;
    model.head_dtype = listed->formats.head;
    const auto attention = listed->formats.attention;
    model.notes.push_back("--dtype " + flags.dtype + " as in " + listed->id +
                          (attention == dtype ? "" : fmt::format(" (attention in {})", spec::name(attention))));
  } else if (spec::is_quantized(dtype) && !flags.dtype_is_converted) {
    model.notes.push_back("--dtype " + flags.dtype + " in all matrices of the layers (no checkpoint of it is listed)");
  }
}

spec::ModelSpec model_of(const InputFlags& flags) {
  spec::ModelSpec model = spec::read_model(flags.model);
  if (!flags.dtype.empty()) set_dtype(model, flags);
  if (flags.kv_dtype != "auto") model.kv_dtype = dtype_of(flags.kv_dtype, "--kv-dtype");
  if (flags.state_dtype != "auto")
    spec::set_state_dtype(model, flags.state_dtype == "float32" ? spec::DType::fp32 : spec::DType::bf16);
  return model;
}

/// Prompts and outputs that nobody stated: 2048 and 256 tokens, less where the model's context is short.
spec::Workload workload_of(const InputFlags& flags, const spec::ModelSpec& model) {
  spec::Workload out;
  const int longest = std::max(2, std::min(model.max_position, flags.max_model_len.value_or(model.max_position)));
  out.input_tokens = positive(flags.isl, std::min(default_input_tokens, std::max(1, longest / 2)), "--isl");
  out.output_tokens = positive(flags.osl, std::min(default_output_tokens, std::max(1, longest / 8)), "--osl");
  out.concurrency = positive(flags.concurrency, default_concurrency, "--concurrency");
  const auto goal = spec::goal(flags.goal);
  if (!goal)
    throw input::InputError("--goal", "", "one of throughput, ttft, tpot, max-context", "'" + flags.goal + "'");
  out.goal = *goal;
  positive_seconds(flags.max_ttft_s, "--max-ttft-s");
  positive_seconds(flags.max_tpot_s, "--max-tpot-s");
  out.max_ttft_s = flags.max_ttft_s;
  out.max_tpot_s = flags.max_tpot_s;
  if (model.max_position > 0 && out.input_tokens + out.output_tokens > model.max_position)
    throw input::InputError("--isl", "",
                            fmt::format("prompt and output within the model's {} tokens", model.max_position),
                            fmt::format("{} + {}", out.input_tokens, out.output_tokens));
  return out;
}

double utilization_of(const InputFlags& flags, const spec::ClusterSpec& cluster) {
  if (flags.gpu_memory_utilization) {
    const double value = *flags.gpu_memory_utilization;
    if (!(value > 0 && value <= 1))
      throw input::InputError("--gpu-memory-utilization", "", "a fraction above 0 and up to 1",
                              fmt::format("{}", value));
    return value;
  }
  const std::string version = engines::version_or_newest(flags.vllm);
  return engines::vllm_defaults(version, cluster.devices.front()).gpu_memory_utilization;
}

/// vLLM keeps room for one adapter where --max-loras isn't said.
spec::AdapterSettings adapters_of(const InputFlags& flags) {
  if (!flags.lora) return {};
  spec::AdapterSettings out = flags.adapters;
  out.count = std::max(1, out.count);
  return out;
}

/// Ascending, each size once.
spec::GraphSettings graphs_of(const InputFlags& flags) {
  spec::GraphSettings out = flags.graphs;
  if (out.sizes.empty() && flags.largest_graph) out.sizes = engines::captured_batches(*flags.largest_graph, flags.vllm);
  std::sort(out.sizes.begin(), out.sizes.end());
  out.sizes.erase(std::unique(out.sizes.begin(), out.sizes.end()), out.sizes.end());
  return out;
}

spec::EngineSettings engine_of(const InputFlags& flags) {
  spec::EngineSettings out;
  out.block_size = positive(flags.block_size, out.block_size, "--block-size");
  out.enforce_eager = flags.enforce_eager;
  out.expert_parallel = flags.expert_parallel;
  out.draft = flags.draft;
  out.generation = flags.generation;
  out.runner = flags.runner;
  out.moe_backend = flags.moe_backend == "auto" ? "" : flags.moe_backend;
  if (flags.server_quantization == "bitsandbytes") out.quantization = flags.server_quantization;
  out.graphs = graphs_of(flags);
  out.cpu_offload_bytes = static_cast<std::int64_t>(flags.cpu_offload_gib * (1 << 30));
  out.chunked_prefill = flags.chunked_prefill;
  out.state_dtype = flags.state_dtype == "auto" ? "" : flags.state_dtype;
  out.encoder = flags.encoder;
  out.adapters = adapters_of(flags);
  if (!flags.kv_cache_memory_bytes.empty())
    out.kv_cache_memory_bytes =
        static_cast<std::int64_t>(spec::parse_bytes(flags.kv_cache_memory_bytes, "--kv-cache-memory-bytes"));
  return out;
}

std::vector<spec::Correction> corrections_of(const std::vector<std::string>& files) {
  std::vector<spec::Correction> out;
  for (const std::string& file : files) {
    const input::Document document = input::read_document(file);
    document.root().expect_format("ppplan/calibration/", 1);
    const auto list = spec::corrections_from_json(document.root().at("corrections"));
    out.insert(out.end(), list.begin(), list.end());
  }
  return out;
}

void echo(const CLI::App& app, std::map<std::string, std::string>& inputs) {
  for (const CLI::Option* option : app.get_options())
    if (option->count() > 0)
      inputs[option->get_name().substr(2)] = fmt::format("{}", fmt::join(option->results(), " "));
}

/// A server that asks for bf16, or leaves the format of a checkpoint in bf16 to a release that does not fall back, ends
/// on a card without it. What quantized checkpoints compute in is theirs to say.
void refuse_bf16_of_server(const InputFlags& flags, const spec::ModelSpec& model, const std::string& version,
                           const std::string& card) {
  if (!flags.server_dtype) return;
  const std::string& dtype = *flags.server_dtype;
  const bool asked = dtype == "bfloat16" || dtype == "bf16";
  const bool left_so = dtype == "auto" && model.quantization.empty() && !engines::falls_back_to_fp16(version);
  if (asked || left_so)
    throw input::InputError("--dtype", "", "half, since " + card + " has no bf16",
                            asked ? "'" + dtype + "'" : "none, which is the checkpoint's bf16 under vLLM " + version);
}

/// Cards without bf16 get the model in fp16, as vLLM's message asks for.
void to_fp16_where_needed(search::Request& request, const InputFlags& flags) {
  spec::ModelSpec& model = request.model;
  const std::string version = engines::version_or_newest(flags.vllm);
  for (const spec::Device& device : request.cluster.devices) {
    if (model.activation_dtype != spec::DType::bf16 || flags.dtype == "bf16") return;
    const auto support = engines::dtype_support(device, spec::DType::bf16, version);
    if (support.kind != engines::DtypeSupport::Kind::unsupported || !engines::built_for(device, version)) continue;
    refuse_bf16_of_server(flags, model, version, device.name);
    for (spec::DType* dtype :
         {&model.dtype, &model.attention_dtype, &model.expert_dtype, &model.activation_dtype, &model.kv_dtype})
      if (*dtype == spec::DType::bf16) *dtype = spec::DType::fp16;
    request.assumed.push_back("fp16, for " + device.name + " has no bf16");
  }
}

void note_assumed(const InputFlags& flags, search::Request& request) {
  const auto unless = [&](bool given, const char* flag) {
    if (!given) request.assumed.emplace_back(flag);
  };
  unless(flags.isl.has_value(), "isl");
  unless(flags.osl.has_value(), "osl");
  unless(flags.concurrency.has_value(), "concurrency");
  unless(flags.gpu_memory_utilization.has_value(), "gpu_memory_utilization");
  unless(!flags.vllm.empty(), "vllm");
  for (const std::string& name : request.cluster.assumed) request.assumed.push_back(name);
}

}  // namespace

void add_model_flags(CLI::App& app, InputFlags& flags, bool required) {
  app.add_option("--model", flags.model, "preset, Hugging Face id, config.json or its folder")->required(required);
  app.add_option("--dtype", flags.dtype, "weights: bf16, fp16, fp8, int8, int4, nvfp4");
  app.add_option("--kv-dtype", flags.kv_dtype, "KV cache: auto, bf16, fp8")->capture_default_str();
}

void add_cluster_flags(CLI::App& app, InputFlags& flags) {
  app.add_option("--gpus", flags.cluster.gpus, "8, or 2xrtx4090,1xrtx3090 in order")->capture_default_str();
  app.add_option("--gpu", flags.cluster.gpu, "kind of a bare --gpus number")->capture_default_str();
  app.add_option("--nodes", flags.cluster.nodes, "2 (even), or 4,4,2");
  app.add_option("--gpu-spec", flags.cluster.gpu_specs, "name:mem=24GiB,bw=936GB/s,bf16=142TFLOPS[,link=pcie4x16]");
  app.add_option("--network", flags.cluster.network, "link between nodes: bw=12.5GB/s,latency=10us");
  app.add_option("--gpus-from", flags.cluster.gpus_from,
                 "file with nvidia-smi's table or --query-gpu=... --format=csv: cards, free memory, PCIe");
  app.add_option("--topo", flags.cluster.topology_file, "file with nvidia-smi topo -m: how a node's cards are linked");
  app.add_option("--cluster", flags.cluster.cluster_file, "a ppplan/cluster/1 file instead of the flags above");
  app.add_option("--reserve", flags.cluster.reserves, "memory to leave alone on a device: 0=2GiB; repeatable");
}

void add_workload_flags(CLI::App& app, InputFlags& flags) {
  app.add_option("--isl", flags.isl, "tokens of a prompt (2048, or half of a shorter context)");
  app.add_option("--osl", flags.osl, "tokens of an answer (256, or an eighth of a shorter context)");
  app.add_option("--concurrency", flags.concurrency, "requests at a time over the whole cluster (64)");
  app.add_option("--goal", flags.goal, "throughput, ttft, tpot or max-context")->capture_default_str();
  app.add_option("--max-ttft-s", flags.max_ttft_s, "limit on the time to first token");
  app.add_option("--max-tpot-s", flags.max_tpot_s, "limit on the time per output token");
}

void add_plan_flags(CLI::App& app, InputFlags& flags) {
  app.add_option("--tp", flags.tp, "pin tensor parallelism");
  app.add_option("--pp", flags.pp, "pin pipeline parallelism");
  app.add_option("--dp", flags.dp, "pin data parallelism");
  app.add_option("--partition", flags.partition, "pin the layers per stage: 20,21,20,19");
  app.add_option("--max-model-len", flags.max_model_len, "longest request in tokens");
  app.add_flag("--allow-long-max-model-len", flags.allow_long,
               "a --max-model-len beyond the model's, as VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 asks for it");
  app.add_option("--max-num-seqs", flags.max_num_seqs, "sequences of all batches in flight");
  app.add_option("--max-num-batched-tokens", flags.max_num_batched_tokens, "tokens of one batch");
  app.add_option("--gpu-memory-utilization", flags.gpu_memory_utilization,
                 "share of the memory that the engine may use");
  app.add_option("--block-size", flags.block_size, "tokens of a KV block");
  app.add_flag("--enforce-eager", flags.enforce_eager, "no CUDA graphs");
  app.add_option("--cudagraph-capture-sizes", flags.graphs.sizes, "tokens of the batches that graphs are captured of")
      ->delimiter(',')
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--max-cudagraph-capture-size", flags.largest_graph, "tokens of the largest captured batch")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--cudagraph-mode", flags.graphs.mode, "of vLLM's compilation config: NONE, PIECEWISE, ...")
      ->check(CLI::IsMember({"NONE", "PIECEWISE", "FULL", "FULL_DECODE_ONLY", "FULL_AND_PIECEWISE"}));
  app.add_option("--kv-cache-memory-bytes", flags.kv_cache_memory_bytes, "KV cache of every device, like 8GiB");
  app.add_option("--cpu-offload-gb", flags.cpu_offload_gib, "GiB of each device's weights that the host keeps")
      ->check(CLI::Range(0.0, 1048576.0));
  app.add_option("--chunked-prefill", flags.chunked_prefill, "true or false: whether engine V0 cuts long prompts");
  app.add_option("--mamba-ssm-cache-dtype", flags.state_dtype, "of the states that recurrent layers keep")
      ->check(CLI::IsMember({"auto", "float32", "float16", "bfloat16"}));
  app.add_option("--vllm-engine", flags.generation, "V0 or V1 where a version has both, as VLLM_USE_V1 asks for it")
      ->check(CLI::IsMember({"V0", "V1"}));
  app.add_option("--model-runner", flags.runner, "V1 or V2, as VLLM_USE_V2_MODEL_RUNNER asks for it")
      ->check(CLI::IsMember({"V1", "V2"}));
  app.add_option("--moe-backend", flags.moe_backend, "kernel of the experts, as vLLM's flag names it: marlin, triton");
  app.add_option("--limit-images", flags.encoder.images, "images that a prompt may bring; 0 = none")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--limit-videos", flags.encoder.videos, "videos that a prompt may bring; 0 = none")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--max-pixels", flags.encoder.max_pixels, "pixels of an image or frame at most")
      ->check(CLI::PositiveNumber);
  app.add_flag("--encoder-data-parallel", flags.encoder.data_parallel,
               "the whole vision tower on every rank, as --mm-encoder-tp-mode data asks for it");
  app.add_flag("--enable-lora", flags.lora, "room for LoRA adapters");
  app.add_option("--max-loras", flags.adapters.count, "adapters of one batch")->check(CLI::Range(1, 1 << 16));
  app.add_option("--max-lora-rank", flags.adapters.rank, "their largest rank")->check(CLI::Range(1, 1 << 16));
  app.add_flag("--fully-sharded-loras", flags.adapters.fully_sharded, "every part of an adapter divided over ranks");
  app.add_flag("--enable-expert-parallel", flags.expert_parallel, "whole experts on each rank instead of slices");
  app.add_flag("--mtp", flags.draft,
               "speculation with the model's own draft layers, as --speculative-config with method mtp asks for it");
  app.add_option("--calibration", flags.calibrations, "what doctor or compare measured of a start-up; repeatable");
  app.add_option("--vllm", flags.vllm, "whose rules to follow, e.g. 0.26");
}

void add_profile_flag(CLI::App& app, InputFlags& flags) {
  app.add_option("--profile", flags.profiles, "measured costs (ppplan/profile/1); repeatable, earlier ones first");
}

void add_input_flags(CLI::App& app, InputFlags& flags, bool model_required) {
  add_model_flags(app, flags, model_required);
  add_cluster_flags(app, flags);
  add_workload_flags(app, flags);
  add_plan_flags(app, flags);
  add_profile_flag(app, flags);
}

std::vector<int> parse_numbers(const std::string& text, const std::string& flag) {
  std::vector<int> out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    const char* first = text.data() + at;
    const char* last = text.data() + comma;
    int value = 0;
    const auto [end, error] = std::from_chars(first, last, value);
    if (error != std::errc() || end != last || first == last)
      throw input::InputError(flag, "", "whole numbers separated by commas, like 20,21,20,19", "'" + text + "'");
    out.push_back(value);
    at = comma + 1;
  }
  return out;
}

search::Request request_from(const CLI::App& app, const InputFlags& flags) {
  search::Request request;
  request.model = model_of(flags);
  request.cluster = spec::read_cluster(flags.cluster);
  for (const std::string& note : request.model.notes) request.assumed.push_back(note);
  if (request.model.tower.assumed) request.assumed.push_back("size of the vision tower");
  to_fp16_where_needed(request, flags);
  request.workload = workload_of(flags, request.model);
  request.tp = positive(flags.tp, "--tp");
  request.pp = positive(flags.pp, "--pp");
  request.dp = positive(flags.dp, "--dp");
  if (!flags.partition.empty()) request.partition = parse_numbers(flags.partition, "--partition");
  request.max_model_len = positive(flags.max_model_len, "--max-model-len");
  request.allow_long = flags.allow_long;
  request.max_num_seqs = positive(flags.max_num_seqs, "--max-num-seqs");
  request.max_num_batched_tokens = positive(flags.max_num_batched_tokens, "--max-num-batched-tokens");
  request.gpu_memory_utilization = utilization_of(flags, request.cluster);
  request.vllm = flags.vllm;
  request.engine = engine_of(flags);
  const bool in_16_bits = request.model.quantization.empty() && request.model.dtype == spec::DType::fp8;
  if (flags.server_quantization == "fp8" && in_16_bits) request.engine.quantization = flags.server_quantization;
  request.corrections = corrections_of(flags.calibrations);
  echo(app, request.inputs);
  note_assumed(flags, request);
  return request;
}

cost::CostBook book_from(const std::vector<std::string>& profiles) {
  std::vector<cost::CostBook::Entry> entries;
  for (const std::string& path : profiles)
    entries.push_back({path, traces::OperationTimes(traces::profile_from_json(input::read_document(path).root()))});
  for (cost::CostBook::Entry& entry : cost::shipped_profiles()) entries.push_back(std::move(entry));
  return cost::CostBook(std::move(entries));
}

}  // namespace ppplan::tools
