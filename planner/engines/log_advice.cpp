#include "planner/engines/log_advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "planner/engines/log_values.h"
#include "planner/engines/memory_rules.h"

namespace ppplan::engines {
namespace {

using Advice = std::vector<std::string>;

constexpr double highest_utilization = 0.95;

std::int64_t layers_off(const VllmLog& log, int stage) {
  const LogFailure& failure = *log.failure;
  const LogWorker* worker = least_kv(log, stage);
  const auto index = static_cast<std::size_t>(stage);
  if (!worker || !worker->weights_bytes || index >= log.partition.size() || *worker->weights_bytes <= 0) return 1;
  std::int64_t missing = 0;
  if (failure.tried_bytes && failure.free_bytes) missing = *failure.tried_bytes - *failure.free_bytes;
  if (worker->kv_bytes && *worker->kv_bytes < 0) missing = std::max(missing, -*worker->kv_bytes);
  const double per_layer = static_cast<double>(*worker->weights_bytes) / log.partition[index];
  const auto layers = static_cast<std::int64_t>(std::ceil(static_cast<double>(missing) / per_layer));
  return std::clamp<std::int64_t>(layers, 1, std::max(log.partition[index] - 1, 1));
}

/// The stage that has most KV cache left, of those that told it; without figures the one beside.
int roomiest(const VllmLog& log, int stage) {
  const LogWorker* most = nullptr;
  for (const LogWorker& worker : log.workers)
    if (worker.stage && *worker.stage != stage && worker.kv_bytes && (!most || *worker.kv_bytes > *most->kv_bytes))
      most = &worker;
  if (most) return *most->stage;
  return stage > 0 ? stage - 1 : stage + 1;
}

void move_layers(const VllmLog& log, Advice& out) {
  if (log.parallel.pp < 2) return;
  if (!log.failure->stage) {
    out.push_back("move layers off the stage that has least memory left: VLLM_PP_LAYER_PARTITION, one count per stage");
    return;
  }
  const int from = *log.failure->stage;
  const int to = roomiest(log, from);
  const std::int64_t count = layers_off(log, from);
  std::string line = fmt::format("move {} layer{} off stage {} onto stage {}: VLLM_PP_LAYER_PARTITION", count,
                                 count == 1 ? "" : "s", from, to);
  std::vector<int> partition = log.partition;
  if (static_cast<int>(partition.size()) == log.parallel.pp && partition[static_cast<std::size_t>(from)] > count) {
    partition[static_cast<std::size_t>(from)] -= static_cast<int>(count);
    partition[static_cast<std::size_t>(to)] += static_cast<int>(count);
    line += fmt::format("={}", fmt::join(partition, ","));
  } else {
    line += ", one count per stage";
  }
  out.push_back(line);
}

std::optional<std::int64_t> device_total(const VllmLog& log) {
  if (log.failure && log.failure->total_bytes) return log.failure->total_bytes;
  for (const LogWorker& worker : log.workers)
    if (worker.total_bytes) return worker.total_bytes;
  return std::nullopt;
}

void raise_utilization(const VllmLog& log, Advice& out) {
  if (log.utilization && *log.utilization >= highest_utilization) return;
  std::string line = fmt::format("--gpu-memory-utilization {}", highest_utilization);
  const auto total = device_total(log);
  if (log.utilization && total)
    line +=
        fmt::format(" (now {:.2f}) gives every device {} more", *log.utilization,
                    size_text(std::llround((highest_utilization - *log.utilization) * static_cast<double>(*total))));
  else if (log.utilization)
    line += fmt::format(" (now {:.2f})", *log.utilization);
  out.push_back(line + ", if nothing else uses the devices");
}

/// What was missing at the failed allocation, with a tenth of a GiB to spare, in hundredths of the device.
void lower_utilization(const VllmLog& log, Advice& out) {
  const LogFailure& failure = *log.failure;
  const double current = log.utilization.value_or(0.9);
  double lower = current - 0.05;
  if (failure.tried_bytes && failure.free_bytes && failure.total_bytes && *failure.total_bytes > 0) {
    const double missing = static_cast<double>(*failure.tried_bytes - *failure.free_bytes) + 0.1 * (1 << 30);
    lower = current - missing / static_cast<double>(*failure.total_bytes);
  }
  lower = std::floor(std::min(lower, current - 0.01) * 100) / 100;
  if (lower < 0.1) return;
  out.push_back(fmt::format("--gpu-memory-utilization {:.2f} ({}) leaves that much outside of the KV cache", lower,
                            log.utilization ? fmt::format("now {:.2f}", *log.utilization) : "now its default"));
}

void fewer_sequences(const VllmLog& log, const std::string& effect, Advice& out) {
  const auto dummy = log.failure->dummy_requests;
  const auto told = leading_count(setting_text(log, "max_num_seqs"));
  const std::int64_t count = dummy ? *dummy : told.value_or(0);
  const std::string value = count >= 2 ? fmt::format("{} (now {})", count / 2, count) : "lower than now";
  out.push_back(fmt::format("--max-num-seqs {} {}", value, effect));
}

void fewer_tokens(const VllmLog& log, Advice& out) {
  const auto told = leading_count(setting_text(log, "max_num_batched_tokens"));
  const std::string value =
      told && *told >= 2 ? fmt::format("{} (now {})", *told / 2, *told) : "lower than its default";
  out.push_back(fmt::format("--max-num-batched-tokens {} shrinks the activations of the profiling run", value));
}

void no_graphs(Advice& out) { out.push_back("--enforce-eager captures no CUDA graphs; decoding gets slower"); }

void graph_estimate(const VllmLog& log, Advice& out) {
  for (const LogWorker& worker : log.workers)
    if (worker.graph_estimate_bytes && *worker.graph_estimate_bytes > (std::int64_t{1} << 29)) {
      out.push_back(
          fmt::format("VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS=0 gives back the {} that were set aside for CUDA "
                      "graphs; lower --gpu-memory-utilization by what they really take",
                      size_text(*worker.graph_estimate_bytes)));
      return;
    }
}

void smaller_kv(const VllmLog& log, Advice& out) {
  if (!setting_text(log, "kv_cache_dtype").starts_with("fp8"))
    out.push_back("--kv-cache-dtype fp8 halves what a token takes, where the card and the attention backend can");
}

Advice for_context(const VllmLog& log) {
  Advice out;
  const LogFailure& failure = *log.failure;
  if (failure.longest_model_len && *failure.longest_model_len > 0)
    out.push_back(fmt::format("--max-model-len {} starts, as the log itself says", *failure.longest_model_len));
  else
    out.push_back("--max-model-len lower than now (" + setting_text(log, "max_model_len") + ")");
  if (checked_whole_model(log)) {
    out.push_back("vLLM 0.16 or later, which compares each stage's own layers with its own memory");
    out.push_back(fmt::format("--tensor-parallel-size (now {}) in place of stages divides what the check counts",
                              log.parallel.tp));
  }
  move_layers(log, out);
  raise_utilization(log, out);
  smaller_kv(log, out);
  graph_estimate(log, out);
  fewer_tokens(log, out);
  return out;
}

Advice for_kv(const VllmLog& log) {
  Advice out;
  graph_estimate(log, out);
  move_layers(log, out);
  raise_utilization(log, out);
  fewer_tokens(log, out);
  if (log.parallel.pp < 2)
    out.push_back("spread the weights over more devices: --pipeline-parallel-size or --tensor-parallel-size");
  if (log.failure->kind == "out_of_memory") lower_utilization(log, out);
  return out;
}

Advice for_weights(const VllmLog& log) {
  Advice out;
  move_layers(log, out);
  out.push_back(
      fmt::format("spread the weights over more devices: --pipeline-parallel-size (now {}) or "
                  "--tensor-parallel-size (now {})",
                  log.parallel.pp, log.parallel.tp));
  out.push_back("take a checkpoint in a smaller format, or --quantization fp8 where the card computes in it");
  out.push_back("see with nvidia-smi that no other process holds memory of that device");
  return out;
}

Advice for_profile(const VllmLog& log) {
  Advice out;
  if (log.failure->kind == "memory_changed") {
    out.push_back(
        "start again when no other process takes or frees memory of the devices; vLLM measures while it starts");
    return out;
  }
  fewer_tokens(log, out);
  move_layers(log, out);
  fewer_sequences(log, "samples fewer rows of the vocabulary at once on the last stage", out);
  return out;
}

Advice for_graphs(const VllmLog& log) {
  Advice out;
  lower_utilization(log, out);
  fewer_sequences(log, "captures fewer and smaller CUDA graphs", out);
  move_layers(log, out);
  no_graphs(out);
  return out;
}

Advice for_sampler(const VllmLog& log) {
  Advice out;
  fewer_sequences(log, "samples fewer rows of the vocabulary at once", out);
  lower_utilization(log, out);
  move_layers(log, out);
  return out;
}

Advice for_budget(const VllmLog& log) {
  Advice out{"end what else uses the device: nvidia-smi names the processes, an earlier vLLM often is one"};
  const LogFailure& failure = *log.failure;
  if (failure.free_bytes && failure.total_bytes && *failure.total_bytes > 0) {
    const double share = static_cast<double>(*failure.free_bytes) / static_cast<double>(*failure.total_bytes);
    out.push_back(fmt::format("--gpu-memory-utilization {:.2f} is what is free now", std::floor(share * 100) / 100));
  }
  return out;
}

Advice for_topology(const VllmLog& log) {
  const std::string& kind = log.failure->kind;
  if (kind == "too_few_gpus")
    return {
        fmt::format("--tensor-parallel-size (now {}) times --pipeline-parallel-size (now {}) at most the devices of "
                    "this node",
                    log.parallel.tp, log.parallel.pp),
        "for several nodes: --distributed-executor-backend ray on a Ray cluster, or --nnodes in versions that have it"};
  if (kind == "heads_not_divisible")
    return {
        fmt::format("--tensor-parallel-size that divides the heads (now {}), and --pipeline-parallel-size for the rest "
                    "of the devices",
                    log.parallel.tp)};
  if (kind == "no_pipeline_executor") return {"--distributed-executor-backend mp or ray, which run pipelines"};
  return {"--tensor-parallel-size instead of --pipeline-parallel-size: this version cannot cut this model"};
}

Advice for_partition(const VllmLog& log) {
  if (log.failure->kind == "stage_without_experts")
    return {
        "VLLM_PP_LAYER_PARTITION with at least one layer of experts on every stage: leading dense layers have none"};
  if (log.failure->kind == "empty_stage") return {"VLLM_PP_LAYER_PARTITION with at least one layer on every stage"};
  return {
      fmt::format("VLLM_PP_LAYER_PARTITION: {} whole numbers between commas, each at least 1, that sum to the model's "
                  "layers; a value left from another start counts too (unset VLLM_PP_LAYER_PARTITION)",
                  log.parallel.pp)};
}

Advice for_host(const VllmLog& log) {
  if (log.failure->kind == "shared_memory")
    return {"a larger /dev/shm: docker run --ipc=host or --shm-size 16g, in Kubernetes an emptyDir with medium Memory"};
  Advice out{
      "more host memory for the container or machine: loading holds a part of the checkpoint per worker (dmesg, "
      "kubectl describe pod say who was killed)"};
  if (const std::string swap = setting_text(log, "swap_space"); !swap.empty())
    out.push_back("--swap-space 0 (now " + swap + ") takes none of it per worker");
  out.push_back("fewer workers per node, or a checkpoint in safetensors, which is mapped and not copied");
  return out;
}

Advice for_nccl(const VllmLog& log) {
  Advice out;
  if (log.failure->kind == "nccl_out_of_memory") lower_utilization(log, out);
  out.push_back("NCCL_DEBUG=INFO names the call and the link that failed");
  out.push_back("several nodes: NCCL_SOCKET_IFNAME and GLOO_SOCKET_IFNAME set to the interface that joins them");
  out.push_back("look first for a worker that ended before this line: its peers see only a broken connection");
  return out;
}

Advice for_serving(const VllmLog& log) {
  Advice out;
  lower_utilization(log, out);
  fewer_sequences(log, "holds fewer requests in one batch", out);
  fewer_tokens(log, out);
  return out;
}

}  // namespace

std::string size_text(std::int64_t bytes) {
  const double mebi = static_cast<double>(bytes) / (1 << 20);
  return std::abs(mebi) >= 1024 ? fmt::format("{:.2f} GiB", mebi / 1024) : fmt::format("{:.2f} MiB", mebi);
}

std::string setting_text(const VllmLog& log, const std::string& name) {
  const auto found = log.settings.find(name);
  return found == log.settings.end() ? std::string() : found->second;
}

const LogWorker* least_kv(const VllmLog& log, std::optional<int> stage) {
  const LogWorker* least = nullptr;
  for (const LogWorker& worker : log.workers) {
    if (stage && worker.stage != stage) continue;
    if (!stage && !worker.kv_bytes) continue;
    if (!least || (worker.kv_bytes && (!least->kv_bytes || *worker.kv_bytes < *least->kv_bytes))) least = &worker;
  }
  return least;
}

bool checked_whole_model(const VllmLog& log) {
  if (!log.failure || log.failure->place != "context" || log.version.empty() || log.parallel.pp < 2) return false;
  return checks_whole_model(log.version, log.parallel.pp);
}

std::vector<std::string> advice_for(const VllmLog& log) {
  if (!log.failure) return {};
  const std::pair<const char*, Advice (*)(const VllmLog&)> places[] = {
      {"context", for_context},     {"kv", for_kv},
      {"weights", for_weights},     {"profile", for_profile},
      {"cuda_graph", for_graphs},   {"sampler", for_sampler},
      {"budget", for_budget},       {"topology", for_topology},
      {"partition", for_partition}, {"host_memory", for_host},
      {"nccl", for_nccl},           {"serving", for_serving}};
  for (const auto& [place, advice] : places)
    if (log.failure->place == place) return advice(log);
  return {"the log's own last words tell more: the first ERROR line, in the log of the worker that ended first",
          "see with dmesg whether the kernel ended a worker for lack of host memory"};
}

}  // namespace ppplan::engines
