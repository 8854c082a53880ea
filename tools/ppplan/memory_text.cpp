#include "tools/ppplan/memory_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "planner/cost/activation_memory.h"
#include "planner/engines/memory_rules.h"
#include "tools/ppplan/plan_text.h"

namespace ppplan::tools {
namespace {

using spec::StageMemory;

/// Where CUDA graphs come from: some versions take an estimate of them off the budget, others capture them beside it.
enum class Graphs { either, in_budget, beside };

struct Column {
  const char* head;
  std::int64_t StageMemory::*member;
  Graphs graphs = Graphs::either;
};

constexpr Column columns[] = {{"budget", &StageMemory::budget_bytes},
                              {"- layers", &StageMemory::weights_bytes},
                              {"- embedding", &StageMemory::embedding_bytes},
                              {"- head", &StageMemory::head_bytes},
                              {"- tower", &StageMemory::tower_bytes},
                              {"- draft layers", &StageMemory::draft_bytes},
                              {"- activations", &StageMemory::activation_bytes},
                              {"- sampler", &StageMemory::sampler_bytes},
                              {"- CUDA graphs", &StageMemory::cuda_graph_bytes, Graphs::in_budget},
                              {"- reserve", &StageMemory::reserve_bytes},
                              {"= KV cache", &StageMemory::kv_bytes},
                              {"of it unused", &StageMemory::unused_bytes},
                              {"outside", &StageMemory::other_bytes},
                              {"of it graphs", &StageMemory::cuda_graph_bytes, Graphs::beside},
                              {"margin", &StageMemory::margin_bytes},
                              {"+-", &StageMemory::uncertainty_bytes}};

double gibi(std::int64_t bytes) { return static_cast<double>(bytes) / (1024.0 * 1024 * 1024); }

bool any(const spec::Plan& plan, const Column& column) {
  const Graphs here = cost::graphs_in_budget(plan) ? Graphs::in_budget : Graphs::beside;
  if (column.graphs != Graphs::either && column.graphs != here) return false;
  return std::any_of(plan.stages.begin(), plan.stages.end(),
                     [&](const spec::Stage& stage) { return stage.memory.*column.member != 0; });
}

std::string layers_of(const spec::Stage& stage) { return fmt::format("{}-{}", stage.first_layer, stage.end_layer - 1); }

/// Parts as rows, stages [first, end) as columns.
std::string block(const spec::Plan& plan, std::size_t first, std::size_t end) {
  std::string out = fmt::format("{:<14}", "stage");
  const auto cells = [&](auto text) {
    for (std::size_t s = first; s < end; ++s) out += fmt::format(" {:>7}", text(plan.stages[s]));
    out += "\n";
  };
  for (std::size_t s = first; s < end; ++s) out += fmt::format(" {:>7}", s);
  out += fmt::format("\n{:<14}", "layers");
  cells(layers_of);
  for (const Column& column : columns) {
    if (!any(plan, column)) continue;
    out += fmt::format("{:<14}", column.head);
    cells([&](const spec::Stage& stage) { return fmt::format("{:.2f}", gibi(stage.memory.*column.member)); });
  }
  out += fmt::format("{:<14}", "verdict");
  cells([](const spec::Stage& stage) { return spec::name(stage.verdict); });
  return out;
}

std::string place_text(const std::string& place) {
  if (place == "weights") return "loading the weights";
  if (place == "profile") return "the profile run (activations)";
  if (place == "cuda_graph") return "the capture of CUDA graphs";
  if (place == "sampler") return "the warm-up of the sampler";
  if (place == "kv") return "the KV cache";
  return "the KV cache of one request of max_model_len";
}

/// In the versions that compare all layers with the stage that has least.
std::string context_text(const spec::Plan& plan) {
  if (plan.failure->at != "context" || !engines::checks_whole_model(plan.provenance.vllm, plan.parallel.pp)) return "";
  return fmt::format(", which vLLM {} checks over all {} layers", plan.provenance.vllm, plan.model.layers.size());
}

std::string size_text(std::int64_t bytes) { return bytes_text(static_cast<double>(bytes)); }

}  // namespace

std::string verdict_text(const spec::Plan& plan) {
  const auto& limiting = plan.stages[static_cast<std::size_t>(plan.predicted.limiting_stage)];
  const std::string margin =
      fmt::format("the smallest margin is {} (+- {}) on stage {}", size_text(limiting.memory.margin_bytes),
                  size_text(limiting.memory.uncertainty_bytes), plan.predicted.limiting_stage);
  if (plan.verdict == spec::Verdict::fits) return fmt::format("FITS: {}\n", margin);
  if (!plan.failure) return fmt::format("{}: {}\n", spec::name(plan.verdict), margin);
  const std::string end = fmt::format("{}{} on stage {}, {} short", place_text(plan.failure->at), context_text(plan),
                                      plan.failure->stage, size_text(plan.failure->short_bytes));
  if (plan.verdict == spec::Verdict::oom) return fmt::format("OOM: start-up ends at {}\n", end);
  return fmt::format("TIGHT: {}; if it fails, then at {}\n", margin, place_text(plan.failure->at));
}

std::string memory_table(const spec::Plan& plan) {
  constexpr std::size_t stages_a_block = 8;
  std::string out;
  for (std::size_t first = 0; first < plan.stages.size(); first += stages_a_block)
    out += (first > 0 ? "\n" : "") + block(plan, first, std::min(first + stages_a_block, plan.stages.size()));
  return out;
}

std::string capacity_text(const spec::Plan& plan) {
  const std::size_t least = fewest_tokens(plan);
  std::string out = fmt::format("KV cache         {} tokens a replica ({} blocks), least on stage {}\n",
                                plan.predicted.kv_tokens, plan.stages[least].kv_blocks, least);
  std::int64_t unused = 0;
  for (const spec::Stage& stage : plan.stages) unused += stage.memory.unused_bytes;
  if (unused > 0) out += fmt::format("unused           {} on the other stages together\n", size_text(unused));
  out += fmt::format("longest context  {} tokens start (asked: {})\n", plan.longest_context, plan.max_model_len);
  return out;
}

}  // namespace ppplan::tools
