// What the server was told, as its log repeats it: the version, the arguments, the engine's configuration.
#include <charconv>

#include "planner/engines/log_reading.h"
#include "planner/engines/log_values.h"

namespace ppplan::engines {
namespace {

/// Names of vLLM's arguments that are kept.
constexpr std::string_view kept_arguments[] = {"model",
                                               "tensor_parallel_size",
                                               "pipeline_parallel_size",
                                               "data_parallel_size",
                                               "gpu_memory_utilization",
                                               "max_model_len",
                                               "max_num_seqs",
                                               "max_num_batched_tokens",
                                               "block_size",
                                               "kv_cache_dtype",
                                               "kv_cache_memory_bytes",
                                               "quantization",
                                               "dtype",
                                               "enforce_eager",
                                               "enable_expert_parallel",
                                               "enable_prefix_caching",
                                               "async_scheduling",
                                               "distributed_executor_backend",
                                               "nnodes",
                                               "node_rank"};

bool is_version_letter(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '+'; }

}  // namespace

void read_version(std::string_view after, LogReading& reading) {
  if (after.starts_with('v')) after.remove_prefix(1);
  std::size_t end = 0;
  while (end < after.size() && end < 40 && is_version_letter(after[end])) ++end;
  std::string text(after.substr(0, end));
  while (text.ends_with('.')) text.pop_back();
  // "dev" is what a build without a tag calls itself.
  if (!text.empty() && text[0] >= '0' && text[0] <= '9' && text.find('.') != std::string::npos)
    reading.log.version = text;
}

void read_settings(std::string_view line, LogReading& reading) {
  auto& settings = reading.log.settings;
  for (const std::string_view name : kept_arguments)
    if (auto value = argument(line, name)) settings[std::string(name)] = *value;
  // `vllm serve MODEL`: the positional argument, beside the default of --model.
  if (auto tag = argument(line, "model_tag")) settings["model"] = *tag;
  if (auto length = argument(line, "max_seq_len")) settings["max_model_len"] = *length;
}

void read_rank(std::string_view line, std::size_t at, ProcessReading& process, LogReading& reading) {
  const auto after = [&](std::string_view name) -> std::optional<int> {
    const std::size_t found = line.find(name);
    if (found == std::string_view::npos) return std::nullopt;
    int value = 0;
    const char* const begin = line.data() + found + name.size();
    const auto [end, error] = std::from_chars(begin, line.data() + line.size(), value);
    if (error != std::errc() || value < 0 || value > 1'000'000) return std::nullopt;
    return value;
  };
  const std::size_t rank = line.rfind("rank ", at);
  if (rank == std::string_view::npos) return;
  LogProcess& told = process.process;
  if (const auto value = leading_count(line.substr(rank + 5)); value && *value <= 1'000'000)
    told.rank = static_cast<int>(*value);
  // With data parallelism the world of a line is that of one replica, of others of all; ranks count within it.
  if (const auto world = after(" in world size ")) reading.log.settings["world_size"] = std::to_string(*world);
  if (const auto value = after(" PP rank ")) told.stage = value;
  if (const auto value = after(" TP rank ")) told.tp_rank = value;
  if (const auto value = after(" DP rank ")) told.replica = value;
}

}  // namespace ppplan::engines
