#include "planner/engines/plan_warnings.h"

#include <algorithm>
#include <optional>
#include <sstream>

#include "planner/engines/dtype_support.h"
#include "planner/engines/launch_words.h"
#include "planner/engines/memory_rules.h"
#include "planner/engines/vllm_flags.h"
#include "planner/engines/vllm_partition.h"
#include "planner/engines/vllm_rules.h"
#include "planner/engines/vllm_version.h"

namespace ppplan::engines {
namespace {

using Warning = std::optional<std::string>;

/// Above it, what lies outside of vLLM's budget (context, communicators, a desktop) rarely fits in the rest.
constexpr double high_utilization = 0.95;

std::string text(double value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

std::string gib(double bytes) {
  std::ostringstream out;
  out.precision(3);
  out << bytes / (1024.0 * 1024.0 * 1024.0) << " GiB";
  return out.str();
}

bool known_version(const spec::Plan& plan) {
  return vllm_version(plan_version(plan)) >= vllm_version(known_vllm().front());
}

Warning few_sequences(const spec::Plan& plan) {
  const int seqs = plan.micro_batching.max_num_seqs;
  if (plan.parallel.pp == 1 || seqs > plan.parallel.pp) return std::nullopt;
  return "max_num_seqs is " + std::to_string(seqs) + " for " + std::to_string(plan.parallel.pp) +
         " stages: it counts the sequences of all batches in flight, so each holds at most one; raise it to several "
         "times the number of stages";
}

/// vLLM refuses to start when the budget is more than what is free.
Warning more_than_free(const spec::Plan& plan) {
  for (int index : devices_by_rank(plan)) {
    const spec::Device& device = plan.cluster.devices[static_cast<std::size_t>(index)];
    const double budget = plan.gpu_memory_utilization * static_cast<double>(device.memory_bytes);
    if (device.free_bytes <= 0 || budget <= static_cast<double>(device.free_bytes)) continue;
    const double share = static_cast<double>(device.free_bytes) / static_cast<double>(device.memory_bytes);
    return "gpu_memory_utilization " + text(plan.gpu_memory_utilization) + " asks for " + gib(budget) + " of device " +
           std::to_string(index) + " (" + device.name + "), of which " + gib(static_cast<double>(device.free_bytes)) +
           " are free: free memory there or use at most " + text(static_cast<int>(share * 100) / 100.0);
  }
  return std::nullopt;
}

Warning high_share(const spec::Plan& plan) {
  if (plan.gpu_memory_utilization <= high_utilization) return std::nullopt;
  return "gpu_memory_utilization " + text(plan.gpu_memory_utilization) +
         " leaves little for what vLLM does not count (contexts, communicators): use " + text(high_utilization) +
         " or less if start-up or a long prompt runs out of memory";
}

/// Pull request 57433 measured +23 % output tokens from evening the cohorts out.
Warning cohorts(const spec::Plan& plan) {
  if (plan.parallel.pp == 1) return std::nullopt;
  return "decoding requests stay in the batch in which their prompt ended, and nothing evens these cohorts out: in the "
         "worst case all share one and the pipeline runs at 1/" +
         std::to_string(plan.parallel.pp) + " of its throughput; let requests arrive spread out, or set " +
         (plan.micro_batching.max_num_batched_tokens > 2048 ? "a smaller --max-num-batched-tokens"
                                                            : "--long-prefill-token-threshold") +
         " so that prompts end in different batches";
}

/// The first stage waits there for the tokens sampled by the last before it can go on with the same requests.
Warning asynchronous_on_v1(const spec::Plan& plan) {
  if (plan.parallel.pp == 1 || !known_version(plan)) return std::nullopt;
  const std::string version = plan_version(plan);
  if (!vllm_rule(version, "asynchronous_pipeline").boolean()) return std::nullopt;
  if (default_runner(version, plan.model) == "V2") return std::nullopt;
  return "vLLM " + version + " schedules asynchronously but runs " + plan.model.architecture +
         " on model runner V1, where decode steps of different stages then do not overlap: add --no-async-scheduling";
}

/// A plan that needs less than the check asks for would start on other versions.
Warning whole_model_check(const spec::Plan& plan) {
  if (!checks_whole_model(plan_version(plan), plan.parallel.pp)) return std::nullopt;
  return "vLLM " + plan_version(plan) + " compares the KV cache of one request over all " +
         std::to_string(plan.model.layers.size()) +
         " layers with the stage that has least, although a stage keeps only its own (fixed by pull request 33698): "
         "vLLM 0.16 and later start with longer requests" +
         (plan.longest_context > 0 ? ", here --max-model-len may be " + std::to_string(plan.longest_context) : "");
}

/// Blocks are the same on all stages, so those of the stage that has least.
Warning few_states(const spec::Plan& plan) {
  const bool decodes = spec::captures_graphs(plan.engine) && plan.engine.graphs.mode != "PIECEWISE";
  if (!spec::has_states(plan.model) || !decodes || plan.engine.draft || plan.stages.empty()) return std::nullopt;
  const auto least = std::min_element(plan.stages.begin(), plan.stages.end(), [](const auto& a, const auto& b) {
                       return a.kv_blocks < b.kv_blocks;
                     })->kv_blocks;
  if (least <= 0 || least >= plan.micro_batching.max_num_seqs) return std::nullopt;
  constexpr double all_sequences = 1;
  if (memory_rules(plan).value("kv_states_checked") != all_sequences) return std::nullopt;
  return "max_num_seqs " + std::to_string(plan.micro_batching.max_num_seqs) + " is more than the " +
         std::to_string(least) + " blocks of KV cache, each of which holds the state of one sequence: vLLM " +
         plan_version(plan) + " does not capture graphs then; use --max-num-seqs " + std::to_string(least) +
         " or less, or --enforce-eager";
}

Warning speculation(const spec::Plan& plan) {
  if (plan.parallel.pp == 1 || !plan.engine.draft) return std::nullopt;
  return "speculative decoding with pipeline parallelism is reported broken in vLLM (issues 49355, 52069, 52071), and "
         "the whole drafter lies on the last stage: leave --speculative-config out";
}

Warning other_split(const spec::Plan& plan) {
  const int pp = plan.parallel.pp;
  if (pp == 1 || plan.partition.size() != static_cast<std::size_t>(pp)) return std::nullopt;
  const auto own = default_partition(plan_version(plan), static_cast<int>(plan.model.layers.size()), pp);
  if (own == plan.partition) return std::nullopt;
  return "vLLM's own split is " + partition_text(own) + ", not " + partition_text(plan.partition) +
         ": the plan holds only while VLLM_PP_LAYER_PARTITION is set on every node";
}

/// Settings that the plan's release can't be told.
Warning missing_flag(const spec::Plan& plan) {
  const auto lacks = [&](bool wanted, const char* name) {
    return wanted && !has_flag(plan_version(plan), *find_flag(name));
  };
  const spec::EngineSettings& engine = plan.engine;
  for (const auto& [wanted, name] :
       {std::pair(engine.kv_cache_memory_bytes.has_value(), "--kv-cache-memory-bytes"),
        std::pair(engine.expert_parallel, "--enable-expert-parallel"),
        std::pair(engine.graphs != spec::GraphSettings(), "--compilation-config"),
        std::pair(!engine.moe_backend.empty() && engine.moe_backend != "marlin", "--moe-backend"),
        std::pair(!engine.state_dtype.empty(), "--mamba-ssm-cache-dtype")})
    if (lacks(wanted, name))
      return flag_fault(plan_version(plan), *find_flag(name)) + ", so the line leaves it out: take a later release";
  return std::nullopt;
}

/// Formats that a card only stores are slower there, and a plan that mixes such cards with others is uneven.
Warning stored_only(const spec::Plan& plan) {
  for (int index : devices_by_rank(plan)) {
    const spec::Device& device = plan.cluster.devices[static_cast<std::size_t>(index)];
    const DtypeSupport support = dtype_support(device, plan.model.dtype, plan_version(plan));
    if (support.kind != DtypeSupport::Kind::weight_only) continue;
    return device.name + " stores " + std::string(spec::name(plan.model.dtype)) + " weights but computes in 16 bits" +
           (support.reason.empty() ? "" : " (" + support.reason + ")") + ": they save memory, not time";
  }
  return std::nullopt;
}

Warning read_from_host(const spec::Plan& plan) {
  if (plan.engine.cpu_offload_bytes == 0) return std::nullopt;
  return "--cpu-offload-gb keeps weights in the host's memory, which every step reads over PCIe: the times do not "
         "count that";
}

Warning past_the_table(const spec::Plan& plan) {
  const std::string sentence = version_warning(plan_version(plan));
  return sentence.empty() ? std::nullopt : Warning(sentence);
}

}  // namespace

std::vector<std::string> launch_warnings(const spec::Plan& plan) {
  std::vector<std::string> out;
  for (const Warning& warning :
       {past_the_table(plan), few_sequences(plan), more_than_free(plan), high_share(plan), asynchronous_on_v1(plan),
        cohorts(plan), whole_model_check(plan), few_states(plan), speculation(plan), read_from_host(plan),
        missing_flag(plan), stored_only(plan), other_split(plan)})
    if (warning) out.push_back(*warning);
  return out;
}

}  // namespace ppplan::engines
