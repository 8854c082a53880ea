#include "planner/engines/log_diagnosis.h"

#include <fmt/format.h>

#include <algorithm>

#include "planner/engines/log_advice.h"

namespace ppplan::engines {
namespace {

/// "stage 3", or whatever is known of who failed.
std::string who(const VllmLog& log, const LogFailure& failure) {
  std::string out;
  if (failure.stage && log.parallel.pp > 1)
    out = fmt::format("stage {}", *failure.stage);
  else if (log.parallel.pp > 1)
    out = "a stage that the log does not name";
  else
    out = "the server";
  if (failure.gpu) out += fmt::format(" (GPU {})", *failure.gpu);
  return out;
}

std::string allocation(const LogFailure& failure) {
  std::string out;
  if (failure.tried_bytes) out += fmt::format(": it asked for {}", size_text(*failure.tried_bytes));
  if (failure.free_bytes) out += fmt::format(" with {} free", size_text(*failure.free_bytes));
  if (failure.total_bytes) out += fmt::format(" of {}", size_text(*failure.total_bytes));
  return out;
}

std::string doing(const std::string& place) {
  if (place == "weights") return "while it loaded the weights";
  if (place == "profile") return "in the profiling run, before the KV cache was sized";
  if (place == "cuda_graph") return "while CUDA graphs were captured";
  if (place == "kv") return "while the KV cache was allocated";
  if (place == "serving") return "while it served requests";
  return "while it started";
}

/// ": weights 15.63 GiB, activations 3.52 GiB, ...", of the worker with the least KV cache.
std::string account(const VllmLog& log, const LogFailure& failure) {
  const LogWorker* worker = least_kv(log, failure.stage);
  if (!worker) return "";
  const std::pair<const char*, std::optional<std::int64_t>> parts[] = {
      {"weights", worker->weights_bytes},
      {"activations", worker->activation_bytes},
      {"memory outside of PyTorch", worker->non_torch_bytes},
      {"set aside for CUDA graphs", worker->graph_estimate_bytes},
      {"left for the KV cache", worker->kv_bytes}};
  std::string out;
  for (const auto& [name, bytes] : parts)
    if (bytes) out += fmt::format("{}{} {}", out.empty() ? ": " : ", ", name, size_text(*bytes));
  return out;
}

std::string context_cause(const VllmLog& log, const LogFailure& failure) {
  std::string out = "one request of max_model_len";
  if (failure.max_model_len) out += fmt::format(" {}", *failure.max_model_len);
  if (!failure.needed_bytes) {
    out += " needs more KV cache than there is";
    return failure.longest_model_len ? out + fmt::format(": it holds {} tokens", *failure.longest_model_len) : out;
  }
  out += fmt::format(" needs {} of KV cache", size_text(*failure.needed_bytes));
  if (failure.available_bytes)
    out +=
        fmt::format(" and {} has {}", failure.stage && log.parallel.pp > 1 ? who(log, failure) : "the tightest worker",
                    size_text(*failure.available_bytes));
  if (failure.longest_model_len) out += fmt::format("; {} tokens fit", *failure.longest_model_len);
  if (checked_whole_model(log))
    out += fmt::format(
        "; vLLM {} counts all layers of the model against the worker with least, where each of the {} stages keeps "
        "only "
        "its own: a false alarm of 0.14 and 0.15 (pull request 33698)",
        log.version, log.parallel.pp);
  return out;
}

std::string budget_cause(const LogFailure& failure) {
  std::string out = "the device was not free at the start";
  if (!failure.free_bytes || !failure.total_bytes) return out;
  out += fmt::format(": {} of {}", size_text(*failure.free_bytes), size_text(*failure.total_bytes));
  if (failure.available_bytes)
    out += fmt::format(", where the utilization asks for {}", size_text(*failure.available_bytes));
  return out;
}

/// What the log says after its prefix, for failures whose own sentence is the clearest.
std::string own_words(const LogFailure& failure) {
  std::string_view text = failure.text;
  for (const char* marker : {"Error: ", "] "})
    if (const std::size_t at = text.find(marker); at != std::string_view::npos) {
      text.remove_prefix(at + std::string_view(marker).size());
      break;
    }
  while (!text.empty() && (text.back() == ' ' || text.back() == '.')) text.remove_suffix(1);
  return std::string(text);
}

std::string host_cause(const VllmLog& log, const LogFailure& failure) {
  if (failure.kind == "shared_memory")
    return "a worker got a bus error: the shared memory of the container is too small";
  const std::string certainty = failure.kind == "killed" ? "most likely by the kernel for lack of" : "for lack of";
  const bool loading = std::none_of(log.workers.begin(), log.workers.end(),
                                    [](const LogWorker& worker) { return worker.weights_bytes.has_value(); });
  return fmt::format("a worker was killed {} host memory{}", certainty,
                     loading ? " while the weights were loaded" : "");
}

std::string cause_of(const VllmLog& log, const LogFailure& failure) {
  if (failure.place == "context") return context_cause(log, failure);
  if (failure.place == "budget") return budget_cause(failure);
  if (failure.place == "host_memory") return host_cause(log, failure);
  if (failure.kind == "no_kv_memory")
    return who(log, failure) + " has no memory left for a KV cache" + account(log, failure);
  if (failure.place == "sampler")
    return fmt::format("{} ran out of memory when the sampler was warmed up with {} requests{}", who(log, failure),
                       failure.dummy_requests ? std::to_string(*failure.dummy_requests) : "max_num_seqs",
                       allocation(failure));
  if (failure.kind == "out_of_memory")
    return fmt::format("{} ran out of memory {}{}", who(log, failure), doing(failure.place), allocation(failure));
  if (failure.kind == "nccl_out_of_memory") return "NCCL found no device memory for its buffers";
  if (failure.place == "nccl") return "communication between the devices failed: " + own_words(failure);
  if (failure.kind == "worker_died") return "a worker ended without a message of its own";
  if (failure.place == "unknown") return "the engine failed to start, and its log does not tell why";
  return own_words(failure);
}

std::string started_text(const VllmLog& log) {
  std::string out = log.started ? "the server started" : "the log ends before the server started, without an error";
  if (log.kv_tokens) out += fmt::format("; its KV cache holds {} tokens", *log.kv_tokens);
  if (!log.kv_tokens && log.kv_blocks) out += fmt::format("; its KV cache holds {} blocks", *log.kv_blocks);
  const LogWorker* tightest = least_kv(log);
  if (tightest && tightest->stage && log.parallel.pp > 1)
    out += fmt::format("; stage {} has least memory for it, {}", *tightest->stage, size_text(*tightest->kv_bytes));
  return out;
}

/// A running server with stages of very different room could hold more.
std::vector<std::string> advice_when_started(const VllmLog& log) {
  const LogWorker* least = least_kv(log);
  if (!least || !least->stage || log.parallel.pp < 2 || !stages_not_seen(log).empty()) return {};
  const LogWorker* most = least;
  for (const LogWorker& worker : log.workers)
    if (worker.kv_bytes && worker.stage && *worker.kv_bytes > *most->kv_bytes) most = &worker;
  const std::int64_t difference = *most->kv_bytes - *least->kv_bytes;
  if (!least->weights_bytes || difference < std::int64_t{1} << 30) return {};
  return {
      fmt::format("stage {} has {} more for the KV cache than stage {}, which decides: move a layer that way with "
                  "VLLM_PP_LAYER_PARTITION when it weighs less than half of that",
                  *most->stage, size_text(difference), *least->stage)};
}

std::vector<std::string> unsure_of(const VllmLog& log) {
  std::vector<std::string> out;
  if (log.version.empty()) out.push_back("the log does not name vLLM's version");
  if (log.parallel.pp > 1 && (!stages_not_seen(log).empty() || log.workers.empty())) out.push_back(seen_text(log));
  if (std::any_of(log.workers.begin(), log.workers.end(), [](const LogWorker& worker) { return worker.rank_assumed; }))
    out.push_back("the log does not tell the workers' ranks: assumed in the order in which they were started");
  if (log.parallel.pp > 1 && log.partition.empty())
    out.push_back("the log does not tell how the layers were cut: the engine's even split, or VLLM_PP_LAYER_PARTITION");
  if (log.starts > 1) out.push_back(fmt::format("the file holds {} starts; this is the last one", log.starts));
  if (!log.failure) return out;
  if (log.failure->place == "unknown") out.push_back("no line tells the cause: the worker's own log may");
  if (log.failure->kind == "killed")
    out.push_back("signal 9 has no reason in the log: dmesg or the container's state has");
  return out;
}

}  // namespace

Diagnosis diagnose(const VllmLog& log) {
  Diagnosis out;
  if (log.known_lines == 0) {
    out.place = "no log";
    out.cause = seen_text(log);
    return out;
  }
  out.unsure = unsure_of(log);
  if (!log.failure) {
    out.place = "none";
    out.cause = started_text(log);
    out.advice = advice_when_started(log);
    return out;
  }
  out.place = log.failure->place;
  out.stage = log.failure->stage;
  out.cause = cause_of(log, *log.failure);
  out.advice = advice_for(log);
  return out;
}

}  // namespace ppplan::engines
