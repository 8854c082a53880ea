// The part of a question that a log answers: flags of ppplan for what the server was told.
#include <algorithm>
#include <cmath>

#include "planner/catalog/catalog.h"
#include "planner/engines/log_diagnosis.h"

namespace ppplan::engines {
namespace {

/// vLLM's argument and the flag of ours that means the same.
constexpr std::pair<const char*, const char*> same_flags[] = {
    {"model", "--model"},
    {"max_model_len", "--max-model-len"},
    {"max_num_seqs", "--max-num-seqs"},
    {"max_num_batched_tokens", "--max-num-batched-tokens"},
    {"block_size", "--block-size"},
    {"kv_cache_memory_bytes", "--kv-cache-memory-bytes"},
    {"gpu_memory_utilization", "--gpu-memory-utilization"},
};

std::string setting(const VllmLog& log, const char* name) {
  const auto found = log.settings.find(name);
  return found == log.settings.end() ? std::string() : found->second;
}

std::string joined(const std::vector<int>& partition) {
  std::string out;
  for (const int layers : partition) out += (out.empty() ? "" : ",") + std::to_string(layers);
  return out;
}

std::string kv_dtype(const std::string& told) {
  if (told.starts_with("fp8")) return "fp8";
  if (told == "bfloat16") return "bf16";
  return "";
}

std::optional<std::int64_t> device_memory(const VllmLog& log) {
  std::optional<std::int64_t> out = log.failure ? log.failure->total_bytes : std::nullopt;
  for (const LogWorker& worker : log.workers)
    if (worker.total_bytes && (!out || *worker.total_bytes < *out)) out = worker.total_bytes;
  return out;
}

/// CUDA reports a little less than the driver's total that the catalog holds: the part that the driver keeps.
std::vector<std::string> cards_of(std::int64_t bytes) {
  constexpr double most_kept = 0.03;
  std::vector<std::pair<double, std::string>> near;
  for (const input::Node& gpu : catalog::gpus().root().at("gpus").items()) {
    const double difference = gpu.at("memory_bytes").number() / static_cast<double>(bytes) - 1;
    if (difference > -0.005 && difference < most_kept) near.emplace_back(std::abs(difference), gpu.at("name").text());
  }
  std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> out;
  for (const auto& [difference, name] : near) out.push_back(name);
  return out;
}

}  // namespace

InputFromLog input_from_log(const VllmLog& log) {
  InputFromLog out;
  for (const auto& [name, flag] : same_flags)
    if (const std::string value = setting(log, name); !value.empty()) out.flags[flag] = value;
  if (log.parallel_told) {
    out.flags["--tp"] = std::to_string(log.parallel.tp);
    out.flags["--pp"] = std::to_string(log.parallel.pp);
    out.flags["--dp"] = std::to_string(log.parallel.dp);
  }
  if (!log.partition.empty()) out.flags["--partition"] = joined(log.partition);
  if (log.utilization && setting(log, "gpu_memory_utilization").empty()) {
    const double percent = std::round(*log.utilization * 100) / 100;
    std::string text = std::to_string(percent);
    out.flags["--gpu-memory-utilization"] = text.substr(0, text.find('.') + 3);
  }
  if (!log.version.empty()) out.flags["--vllm"] = log.version;
  if (const std::string dtype = kv_dtype(setting(log, "kv_cache_dtype")); !dtype.empty())
    out.flags["--kv-dtype"] = dtype;
  if (setting(log, "quantization") == "fp8") out.flags["--quantization"] = "fp8";
  if (setting(log, "enforce_eager") == "True") out.flags["--enforce-eager"] = "";
  if (setting(log, "enable_expert_parallel") == "True") out.flags["--enable-expert-parallel"] = "";
  out.gpu_memory_bytes = device_memory(log);
  if (out.gpu_memory_bytes && *out.gpu_memory_bytes > 0) out.gpu_candidates = cards_of(*out.gpu_memory_bytes);
  return out;
}

}  // namespace ppplan::engines
