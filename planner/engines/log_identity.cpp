// Who is who in a log: sizes of the parallel groups, ranks of the workers, and figures that are told as sums.
#include <algorithm>
#include <charconv>
#include <tuple>

#include "planner/engines/log_reading.h"
#include "planner/engines/log_values.h"

namespace ppplan::engines {
namespace {

constexpr int most_ranks = 4096;

std::optional<int> setting(const VllmLog& log, const char* name) {
  const auto found = log.settings.find(name);
  if (found == log.settings.end()) return std::nullopt;
  int value = 0;
  const char* const end = found->second.data() + found->second.size();
  const auto [rest, error] = std::from_chars(found->second.data(), end, value);
  if (error != std::errc() || rest != end || value < 1 || value > most_ranks) return std::nullopt;
  return value;
}

/// One more than the largest value of `member`, 0 when no process has it.
int count_of(const LogReading& reading, std::optional<int> LogProcess::*member) {
  int out = 0;
  for (const auto& [key, item] : reading.processes)
    if (const auto value = item.process.*member; value && *value < most_ranks) out = std::max(out, *value + 1);
  return out;
}

void settle_parallel(LogReading& reading) {
  VllmLog& log = reading.log;
  spec::Parallel& out = log.parallel;
  const int stages = count_of(reading, &LogProcess::stage);
  const int tensor = count_of(reading, &LogProcess::tp_rank);
  const auto tp = setting(log, "tensor_parallel_size");
  const auto pp = setting(log, "pipeline_parallel_size");
  const auto dp = setting(log, "data_parallel_size");
  out.tp = tp.value_or(std::max(tensor, 1));
  out.pp =
      pp.value_or(std::max({stages, static_cast<int>(std::min<std::size_t>(log.partition.size(), most_ranks)), 1}));
  out.dp = dp.value_or(1);
  log.parallel_told = tp || pp || dp || stages > 0 || tensor > 0 || !log.partition.empty();
  if (!log.partition.empty() && static_cast<int>(log.partition.size()) != out.pp) log.partition.clear();
}

/// Rank within the replica's pipeline, from stage and tensor-parallel rank and the other way round.
void complete(LogProcess& process, const spec::Parallel& parallel) {
  const int size = parallel.tp * parallel.pp;
  if (process.rank && *process.rank >= size && parallel.dp > 1) {
    if (!process.replica) process.replica = *process.rank / size;
    process.rank = *process.rank % size;
  }
  if (process.rank && *process.rank < size) {
    if (!process.stage) process.stage = *process.rank / parallel.tp;
    if (!process.tp_rank) process.tp_rank = *process.rank % parallel.tp;
  }
  if (!process.stage && process.worker && parallel.pp == 1) process.stage = 0;
  if (!process.tp_rank && process.stage && parallel.tp == 1) process.tp_rank = 0;
  if (!process.rank && process.stage && process.tp_rank) process.rank = *process.stage * parallel.tp + *process.tp_rank;
  if (process.stage && *process.stage >= parallel.pp) process.stage.reset();
}

bool is_v0_worker(const LogProcess& process) { return process.label == "VllmWorkerProcess"; }

/// V0 starts its workers 1, 2, ... one after the other, so that their process numbers rise with their ranks.
void assume_v0_ranks(LogReading& reading) {
  std::vector<ProcessReading*> unnamed;
  for (auto& [key, item] : reading.processes)
    if (is_v0_worker(item.process) && item.process.pid && !item.process.rank) unnamed.push_back(&item);
  const spec::Parallel& parallel = reading.log.parallel;
  if (unnamed.empty() || static_cast<int>(unnamed.size()) != parallel.tp * parallel.pp - 1) return;
  std::sort(unnamed.begin(), unnamed.end(),
            [](const auto* a, const auto* b) { return *a->process.pid < *b->process.pid; });
  int rank = 0;
  for (ProcessReading* item : unnamed) {
    item->process.rank = ++rank;
    item->figures.rank_assumed = parallel.pp > 1;
  }
}

/// The process that writes without a name, or the engine's, holds rank 0 when it alone does the work, and in V0.
void name_rank_zero(LogReading& reading) {
  const spec::Parallel& parallel = reading.log.parallel;
  bool v0 = false;
  bool taken = false;
  for (const auto& [key, item] : reading.processes) {
    v0 = v0 || is_v0_worker(item.process) || item.process.label == "RayWorkerWrapper";
    taken = taken || item.process.rank == 0;
  }
  for (auto& [key, item] : reading.processes) {
    if (item.process.worker || item.process.rank || !item.has_figures) continue;
    if (parallel.tp * parallel.pp == 1 || (v0 && !taken && key.empty())) item.process.rank = 0;
  }
}

bool in_order(const LogWorker& a, const LogWorker& b) {
  const auto key = [](const LogWorker& worker) {
    return std::tuple(worker.replica.value_or(0), worker.rank.value_or(most_ranks), worker.process);
  };
  return key(a) < key(b);
}

/// Each worker told its own capacity before they were made equal (vLLM pull request 25164, 2025-10-07).
void share_kv_tokens(LogReading& reading) {
  VllmLog& log = reading.log;
  const spec::Parallel& parallel = log.parallel;
  const std::size_t size = static_cast<std::size_t>(parallel.tp) * static_cast<std::size_t>(parallel.pp);
  if (size < 2 || parallel.dp != 1 || reading.kv_token_lines.size() != size) return;
  for (LogWorker& worker : log.workers)
    if (worker.rank && *worker.rank < static_cast<int>(size))
      worker.kv_tokens = reading.kv_token_lines[static_cast<std::size_t>(*worker.rank)];
}

/// Amounts that the arguments tell and no other line did.
void settle_limits(VllmLog& log) {
  if (const auto found = log.settings.find("max_model_len"); found != log.settings.end())
    log.max_model_len = leading_count(found->second);
  const auto found = log.settings.find("gpu_memory_utilization");
  if (log.utilization || found == log.settings.end()) return;
  const auto told = leading_number(found->second);
  if (told && *told > 0 && *told <= 1) log.utilization = told;
}

}  // namespace

void settle_ranks(LogReading& reading) {
  settle_parallel(reading);
  assume_v0_ranks(reading);
  name_rank_zero(reading);
  for (auto& [key, item] : reading.processes) complete(item.process, reading.log.parallel);
}

void settle_figures(LogReading& reading) {
  VllmLog& log = reading.log;
  for (auto& [key, item] : reading.processes) {
    if (!item.has_figures) continue;
    LogWorker worker = item.figures;
    worker.process = key;
    worker.rank = item.process.rank;
    worker.stage = item.process.stage;
    worker.tp_rank = item.process.tp_rank;
    worker.replica = item.process.replica;
    if (worker.peak_torch_bytes && worker.weights_bytes && !worker.activation_bytes)
      worker.activation_bytes = std::max<std::int64_t>(*worker.peak_torch_bytes - *worker.weights_bytes, 0);
    if (worker.consumed_bytes && worker.weights_bytes && !worker.non_torch_bytes)
      worker.non_torch_bytes = *worker.consumed_bytes - *worker.weights_bytes;
    log.workers.push_back(worker);
  }
  std::sort(log.workers.begin(), log.workers.end(), in_order);
  share_kv_tokens(reading);
  settle_limits(log);
}

}  // namespace ppplan::engines
