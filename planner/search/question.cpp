#include "planner/search/question.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "planner/engines/vllm_rules.h"
#include "planner/input/input_error.h"

namespace ppplan::search {

namespace {

using input::InputError;

void check_counts(const Request& request) {
  if (request.model.layers.empty()) throw InputError("--model", "", "a model with at least one layer", "none");
  if (request.cluster.devices.empty()) throw InputError("--gpus", "", "at least one device", "none");
  if (request.top < 1) throw InputError("--top", "", "at least 1", fmt::format("{}", request.top));
  const std::pair<const char*, std::optional<int>> counts[] = {
      {"--tp", request.tp},
      {"--pp", request.pp},
      {"--dp", request.dp},
      {"--isl", request.workload.input_tokens},
      {"--osl", request.workload.output_tokens},
      {"--concurrency", request.workload.concurrency},
      {"--max-model-len", request.max_model_len},
      {"--max-num-seqs", request.max_num_seqs},
      {"--max-num-batched-tokens", request.max_num_batched_tokens}};
  for (const auto& [flag, value] : counts)
    if (value && *value < 1) throw InputError(flag, "", "at least 1", fmt::format("{}", *value));
  if (!(request.gpu_memory_utilization > 0 && request.gpu_memory_utilization <= 1))
    throw InputError("--gpu-memory-utilization", "", "a fraction above 0 and up to 1",
                     fmt::format("{}", request.gpu_memory_utilization));
  if (request.max_num_seqs && request.max_num_batched_tokens && *request.max_num_batched_tokens < *request.max_num_seqs)
    throw InputError("--max-num-batched-tokens", "", fmt::format("at least --max-num-seqs, {}", *request.max_num_seqs),
                     fmt::format("{}", *request.max_num_batched_tokens));
}

void check_partition(const Request& request, int layers) {
  if (!request.partition) return;
  const std::vector<int>& partition = *request.partition;
  const std::string found = fmt::format("{}", fmt::join(partition, ","));
  if (request.pp && static_cast<int>(partition.size()) != *request.pp)
    throw InputError("--partition", "", fmt::format("{} entries, one per stage of --pp {}", *request.pp, *request.pp),
                     fmt::format("{} entries ({})", partition.size(), found));
  for (std::size_t s = 0; s < partition.size(); ++s)
    if (partition[s] < 1)
      throw InputError("--partition", fmt::format("stage {}", s), "at least 1 layer on every stage",
                       fmt::format("{} ({})", partition[s], found));
  const long long sum = std::accumulate(partition.begin(), partition.end(), 0LL);
  if (partition.empty() || sum != layers)
    throw InputError("--partition", "", fmt::format("a sum of {} layers for {}", layers, request.model.name),
                     fmt::format("{} ({})", sum, found));
  if (const std::string fault = engines::partition_fault(request.model, partition); !fault.empty())
    throw InputError("--partition", "", "a partition that vLLM can run", fault);
}

void check_parallel(const Request& request, int layers, int devices) {
  if (request.tp)
    if (const std::string fault =
            engines::tensor_parallel_fault(request.model, *request.tp, request.engine.expert_parallel, request.vllm);
        !fault.empty())
      throw InputError("--tp", "", fmt::format("a size that {} can be split by", request.model.name), fault);
  const int pp = request.partition ? static_cast<int>(request.partition->size()) : request.pp.value_or(1);
  if (pp > layers)
    throw InputError("--pp", "", fmt::format("at most the {} layers of {}", layers, request.model.name),
                     fmt::format("{}", pp));
  const long long needed = 1LL * request.tp.value_or(1) * pp * request.dp.value_or(1);
  if (needed > devices)
    throw InputError("--gpus", "",
                     fmt::format("at least {} devices for TP {} x PP {} x DP {}", needed, request.tp.value_or(1), pp,
                                 request.dp.value_or(1)),
                     fmt::format("{}", devices));
}

int max_model_len(const Request& request) {
  const long long asked = 1LL * request.workload.input_tokens + request.workload.output_tokens;
  const bool bounded = request.model.max_position > 0 && !request.allow_long;
  const long long longest = bounded ? request.model.max_position : 1LL << 30;
  if (asked > longest)
    throw InputError("--isl", "", fmt::format("prompt and output within the model's {} tokens", longest),
                     fmt::format("{} + {}", request.workload.input_tokens, request.workload.output_tokens));
  if (request.max_model_len) {
    if (*request.max_model_len < asked || *request.max_model_len > longest)
      throw InputError("--max-model-len", "",
                       fmt::format("from {} (--isl + --osl) to the model's {} tokens", asked, longest),
                       fmt::format("{}", *request.max_model_len));
    return *request.max_model_len;
  }
  long long length = 8192;
  while (length < asked) length *= 2;
  return static_cast<int>(std::min(length, longest));
}

}  // namespace

Question question_of(const Request& request, cost::CostBook& book) {
  check_counts(request);
  const int layers = static_cast<int>(request.model.layers.size());
  const int devices = static_cast<int>(request.cluster.devices.size());
  check_partition(request, layers);
  check_parallel(request, layers, devices);
  return {request, book, engines::version_or_newest(request.vllm), max_model_len(request), layers, devices};
}

}  // namespace ppplan::search
