// What a log measured, as observations that a calibration is made from, and in words: whose figures it holds.
#include <algorithm>

#include "planner/engines/log_diagnosis.h"

namespace ppplan::engines {
namespace {

constexpr std::int64_t most_bytes = std::int64_t{1} << 50;

bool has_less_kv(const LogWorker& a, const LogWorker& b) {
  if (a.kv_bytes && b.kv_bytes) return *a.kv_bytes < *b.kv_bytes;
  return a.kv_bytes && !b.kv_bytes;
}

std::optional<std::int64_t> at_least_zero(std::optional<std::int64_t> bytes) {
  return bytes && *bytes >= 0 ? bytes : std::nullopt;
}

spec::Observation of_worker(const LogWorker& worker, int stage) {
  spec::Observation out;
  out.stage = stage;
  out.weights_bytes = worker.weights_bytes;
  // Memory that others freed meanwhile makes the growth negative: no figure of this server.
  out.non_torch_bytes = at_least_zero(worker.non_torch_bytes);
  out.activation_bytes = worker.activation_bytes;
  out.graph_bytes = worker.graph_bytes;
  if (worker.kv_bytes && *worker.kv_bytes > -most_bytes) out.kv_bytes = worker.kv_bytes;
  out.kv_tokens = worker.kv_tokens;
  return out;
}

std::string listed(const std::vector<int>& stages) {
  constexpr std::size_t most = 16;
  std::string out = stages.size() == 1 ? "stage " : "stages ";
  for (std::size_t i = 0; i < std::min(stages.size(), most); ++i) {
    if (i > 0) out += i + 1 == stages.size() ? " and " : ", ";
    out += std::to_string(stages[i]);
  }
  return stages.size() > most ? out + ", ..." : out;
}

}  // namespace

std::vector<spec::Observation> observations(const VllmLog& log) {
  std::vector<spec::Observation> out;
  for (const int stage : stages_seen(log)) {
    const LogWorker* chosen = nullptr;
    for (const LogWorker& worker : log.workers)
      if (worker.stage == stage && (!chosen || has_less_kv(worker, *chosen))) chosen = &worker;
    if (chosen) out.push_back(of_worker(*chosen, stage));
  }
  if (!log.kv_tokens && !log.kv_blocks) return out;
  spec::Observation engine;
  engine.kv_tokens = log.kv_tokens;
  engine.kv_blocks = log.kv_blocks;
  out.push_back(engine);
  return out;
}

spec::Calibration calibration_of(const VllmLog& log) {
  spec::Calibration out;
  const auto model = log.settings.find("model");
  if (model != log.settings.end()) out.model = model->second;
  const auto cards = input_from_log(log).gpu_candidates;
  if (cards.size() == 1) out.gpu = cards.front();
  out.vllm = log.version;
  out.parallel = log.parallel;
  out.partition = log.partition;
  out.observations = observations(log);
  out.source = log.source;
  return out;
}

std::string seen_text(const VllmLog& log) {
  if (log.known_lines == 0)
    return "no line of vLLM was found in " + std::to_string(log.lines) + (log.lines == 1 ? " line" : " lines");
  const std::vector<int> seen = stages_seen(log);
  const std::vector<int> missing = stages_not_seen(log);
  if (seen.empty() && log.workers.empty()) return "no worker told its memory";
  if (seen.empty()) return std::to_string(log.workers.size()) + " workers told their memory, none of them its stage";
  std::string out = listed(seen) + " of " + std::to_string(log.parallel.pp) + " told " +
                    (seen.size() == 1 ? "its" : "their") + " memory";
  if (missing.empty()) return out;
  out += "; " + listed(missing) + " did not";
  if (log.repeated_lines > 0) return out + " (Ray folds equal lines: RAY_DEDUP_LOGS=0 shows them)";
  return out + " (recent versions log one rank of a node: VLLM_LOGGING_LEVEL=DEBUG shows all)";
}

}  // namespace ppplan::engines
