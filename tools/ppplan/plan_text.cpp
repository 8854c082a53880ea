#include "tools/ppplan/plan_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "planner/engines/emit.h"
#include "planner/engines/launch_words.h"
#include "planner/engines/vllm_rules.h"
#include "planner/report/time_text.h"
#include "tools/ppplan/wrapped_text.h"

namespace ppplan::tools {
namespace {

std::string parallel_text(const spec::Parallel& p) { return fmt::format("tp {} pp {} dp {}", p.tp, p.pp, p.dp); }

std::string devices_text(const std::vector<std::vector<int>>& groups) {
  std::string out;
  for (const auto& group : groups) {
    out += out.empty() ? "" : " | ";
    const bool run = group.size() > 1 && group.back() - group.front() + 1 == static_cast<int>(group.size());
    out += run ? fmt::format("{}-{}", group.front(), group.back()) : fmt::format("{}", fmt::join(group, ","));
  }
  return report::fitted(out, 9);
}

std::string interval(const spec::Plan& plan, const std::string& key, double scale, int digits) {
  const auto found = plan.predicted.uncertainty.find(key);
  if (found == plan.predicted.uncertainty.end()) return "";
  return fmt::format(" [{:.{}f} to {:.{}f}]", found->second.low * scale, digits, found->second.high * scale, digits);
}

std::string device_kinds(const spec::ClusterSpec& cluster) {
  std::string out;
  for (std::size_t i = 0; i < cluster.devices.size();) {
    std::size_t end = i;
    while (end < cluster.devices.size() && cluster.devices[end].name == cluster.devices[i].name) ++end;
    out += fmt::format("{}{} x {} ({})", out.empty() ? "" : ", ", end - i, cluster.devices[i].name,
                       bytes_text(static_cast<double>(cluster.devices[i].memory_bytes)));
    i = end;
  }
  return out;
}

std::string plan_row(std::size_t rank, const spec::Plan& plan) {
  const auto& p = plan.predicted;
  std::string partition = fmt::format("{}", fmt::join(plan.partition, ","));
  partition = report::fitted(partition, 23);
  return fmt::format("{:>2} {:>2} {:>2} {:>2}  {:<23} {:>6} {:>8.0f} {:>9} {:>9} {:>7}\n", rank, plan.parallel.tp,
                     plan.parallel.pp, plan.parallel.dp, partition, plan.micro_batching.max_num_batched_tokens,
                     p.output_tokens_per_s, report::time_text(p.ttft_s), report::time_text(p.tpot_s),
                     spec::name(plan.verdict));
}

std::string ranking(const search::Result& result) {
  std::string out = fmt::format("{:>2} {:>2} {:>2} {:>2}  {:<23} {:>6} {:>8} {:>9} {:>9} {:>7}\n", "#", "tp", "pp",
                                "dp", "partition", "tokens", "out t/s", "ttft", "tpot", "verdict");
  for (std::size_t i = 0; i < result.plans.size(); ++i) out += plan_row(i + 1, result.plans[i]);
  return out;
}

int size(const spec::Parallel& p) { return p.tp * p.pp * p.dp; }

std::string counts_text(const search::Counts& counts) {
  return fmt::format("\n{} candidates, {} evaluated, {} simulated", counts.enumerated, counts.evaluated,
                     counts.simulated) +
         pruned_text(counts) + "\n";
}

std::string one_plan(const spec::Plan& plan) {
  return stage_table(plan) + "\n" + predicted_text(plan) + warnings_text(plan) + neighbours_text(plan);
}

}  // namespace

std::string pruned_text(const search::Counts& counts) {
  std::string out;
  for (const auto& [reason, count] : counts.pruned) out += fmt::format("\n  {:>7} pruned: {}", count, reason);
  return out;
}

input::Json to_json(const search::Counts& counts) {
  return {{"enumerated", counts.enumerated},
          {"pruned", counts.pruned},
          {"evaluated", counts.evaluated},
          {"simulated", counts.simulated}};
}

/// Those that use every device; the document holds all.
std::string alternatives_text(const std::vector<search::Alternative>& alternatives) {
  if (alternatives.empty()) return "";
  int all = 0;
  for (const auto& a : alternatives) all = std::max(all, size(a.parallel));
  std::string out = "\nalternatives\n";
  std::size_t fewer = 0;
  for (const auto& a : alternatives) {
    if (size(a.parallel) == all)
      out += fmt::format("  {:<17} {:<8} {}\n", parallel_text(a.parallel), a.verdict, wrapped(a.reason, 29));
    else
      ++fewer;
  }
  return out + (fewer > 0 ? fmt::format("  and {} on fewer devices: see --format json\n", fewer) : "");
}

input::Json to_json(const std::vector<search::Alternative>& alternatives) {
  input::Json out = input::Json::array();
  for (const auto& a : alternatives)
    out.push_back({{"tp", a.parallel.tp},
                   {"pp", a.parallel.pp},
                   {"dp", a.parallel.dp},
                   {"verdict", a.verdict},
                   {"reason", a.reason}});
  return out;
}

std::string warnings_text(const spec::Plan& plan) {
  std::string out;
  for (const std::string& warning : plan.warnings) out += fmt::format("  warning: {}\n", wrapped(warning, 11));
  return out;
}

std::size_t fewest_tokens(const spec::Plan& plan) {
  const auto fewer = [](const spec::Stage& a, const spec::Stage& b) { return a.kv_tokens < b.kv_tokens; };
  return static_cast<std::size_t>(std::min_element(plan.stages.begin(), plan.stages.end(), fewer) -
                                  plan.stages.begin());
}

std::string bytes_text(double bytes) {
  constexpr double mebi = 1024.0 * 1024.0, gibi = 1024.0 * mebi;
  if (std::abs(bytes) >= 0.5 * gibi) return fmt::format("{:.1f} GiB", bytes / gibi);
  return fmt::format("{:.1f} MiB", bytes / mebi);
}

std::string question_text(const spec::Plan& plan) {
  const auto& w = plan.workload;
  std::string out = fmt::format("{}, {} layers, {} weights, on {}\n", plan.model.name, plan.model.layers.size(),
                                spec::name(plan.model.dtype), device_kinds(plan.cluster));
  out += fmt::format("goal {}: prompts of {} tokens, answers of {}, {} requests at a time\n", spec::name(w.goal),
                     w.input_tokens, w.output_tokens, w.concurrency);
  if (!plan.assumed.empty())
    out += fmt::format("assumed: {}\n", wrapped(fmt::format("{}", fmt::join(plan.assumed, ", ")), 9));
  return out;
}

std::string stage_table(const spec::Plan& plan) {
  std::string out = fmt::format("{:>5} {:>8} {:<9} {:>9} {:>9} {:>9} {:>8} {:>8} {:>7}\n", "stage", "layers", "devices",
                                "weights", "KV", "margin", "prefill", "decode", "verdict");
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const spec::Stage& stage = plan.stages[s];
    const auto& m = stage.memory;
    const double weights = static_cast<double>(m.weights_bytes + m.embedding_bytes + m.head_bytes);
    out += fmt::format("{:>5} {:>8} {:<9} {:>9} {:>9} {:>9} {:>8} {:>8} {:>7}\n", s,
                       fmt::format("{}-{}", stage.first_layer, stage.end_layer - 1), devices_text(stage.devices),
                       bytes_text(weights), bytes_text(static_cast<double>(m.kv_bytes)),
                       bytes_text(static_cast<double>(m.margin_bytes)), report::time_text(stage.prefill_s),
                       report::time_text(stage.decode_s), spec::name(stage.verdict));
  }
  return out;
}

std::string predicted_text(const spec::Plan& plan) {
  const auto& p = plan.predicted;
  std::string out;
  out +=
      fmt::format("  output tokens/s  {:.0f}{}\n", p.output_tokens_per_s, interval(plan, "output_tokens_per_s", 1, 0));
  out += fmt::format("  TTFT             {}{} ms, idle server\n", report::time_text(p.ttft_s),
                     interval(plan, "ttft_s", 1e3, 1));
  out += fmt::format("  TPOT             {}{} ms\n", report::time_text(p.tpot_s), interval(plan, "tpot_s", 1e3, 1));
  out += fmt::format("  bubble           {:.1f} %, balance {:.3f}, bound of the simulated rounds {}\n",
                     100 * p.bubble_fraction, p.balance, report::time_text(p.lower_bound_s));
  out += fmt::format("  KV capacity      {}{} tokens a replica, least on stage {}\n", p.kv_tokens,
                     interval(plan, "kv_tokens", 1, 0), fewest_tokens(plan));
  out += fmt::format("  in flight        {} batches of up to {} tokens, {} sequences in all\n",
                     plan.micro_batching.in_flight, plan.micro_batching.max_num_batched_tokens,
                     plan.micro_batching.max_num_seqs);
  out += fmt::format("  costs            {} under {}{}\n                   pipeline by {}; rules of vLLM {}\n",
                     plan.provenance.costs, plan.provenance.engine,
                     plan.provenance.profile.empty() ? std::string() : fmt::format(" ({})", plan.provenance.profile),
                     p.simulated_by, plan.provenance.vllm);
  return out;
}

std::string launch_text(const spec::Plan& plan) {
  if (engines::nodes_by_rank(plan).size() > 1) return engines::emit(plan, engines::Emit::shell);
  return engines::shell_line(plan.launch) + "\n";
}

std::string neighbours_text(const spec::Plan& plan) {
  if (plan.neighbours.empty()) return "";
  std::string out = "\none layer either way\n";
  for (const auto& n : plan.neighbours)
    out +=
        fmt::format("  {:<32} {:>9} KV tokens {:>8.0f} out t/s  {}\n", fmt::format("{}", fmt::join(n.partition, ",")),
                    n.kv_tokens, n.output_tokens_per_s, spec::name(n.verdict));
  return out;
}

std::string search_text(const search::Result& result) {
  if (result.plans.empty()) return "no plan\n" + alternatives_text(result.alternatives);
  const spec::Plan& best = result.plans.front();
  std::string out = question_text(best) + "\n";
  if (result.interrupted) out += "interrupted: the best so far\n\n";
  if (!result.feasible)
    out += best.verdict == spec::Verdict::oom ? "NOTHING FITS. The least bad configuration:\n\n"
                                              : "NO PLAN KEEPS THE LIMITS. The nearest one:\n\n";
  out += ranking(result) + "\n" + fmt::format("plan 1: {}\n", parallel_text(best.parallel)) + one_plan(best);
  const auto pipeline =
      std::find_if(result.plans.begin(), result.plans.end(), [](const auto& p) { return p.parallel.pp > 1; });
  if (best.parallel.pp == 1 && pipeline != result.plans.end())
    out += fmt::format("\nbest pipeline, plan {}: {}\n", pipeline - result.plans.begin() + 1,
                       parallel_text(pipeline->parallel)) +
           one_plan(*pipeline) + (result.feasible ? "\n" + launch_text(*pipeline) : "");
  out += alternatives_text(result.alternatives) + counts_text(result.counts);
  if (result.feasible) out += "\n" + launch_text(best);
  return out;
}

}  // namespace ppplan::tools
