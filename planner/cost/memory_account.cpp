#include "planner/cost/memory_account.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "planner/cost/activation_memory.h"
#include "planner/cost/adapter_memory.h"
#include "planner/cost/assess.h"
#include "planner/cost/communicator_memory.h"
#include "planner/cost/kernel_weights.h"
#include "planner/cost/kv_need.h"
#include "planner/engines/encoder_budget.h"

namespace ppplan::cost {
namespace {

using engines::MemoryRules;

bool on_host(const spec::Plan& plan, const spec::Stage& stage) {
  return plan.cluster.devices[static_cast<std::size_t>(stage.devices.front().front())].name == "cpu-core";
}

std::int64_t bytes(double value) { return static_cast<std::int64_t>(std::llround(value)); }

template <typename Value>
std::int64_t smallest(const spec::Plan& plan, const spec::Stage& stage, Value value) {
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (const auto& group : stage.devices)
    for (const int index : group) least = std::min(least, value(plan.cluster.devices[static_cast<std::size_t>(index)]));
  return least;
}

bool is_last(const spec::Plan& plan, const spec::Stage& stage) {
  return stage.end_layer == static_cast<int>(plan.model.layers.size());
}

std::int64_t share(const spec::Plan& plan, std::int64_t whole) {
  return (whole + plan.parallel.tp - 1) / plan.parallel.tp;
}

spec::Sharding sharding(const spec::Plan& plan) {
  return {plan.parallel.tp, plan.engine.expert_parallel ? plan.parallel.tp * plan.parallel.dp : 0};
}

std::int64_t layers_weights(const spec::Plan& plan, const spec::Stage& stage) {
  const spec::Device& card = plan.cluster.devices[static_cast<std::size_t>(stage.devices.front().front())];
  std::int64_t sum = rotary_table_bytes(plan);
  std::int64_t one = 0;
  const auto& layers = plan.model.layers;
  for (int l = stage.first_layer; l < stage.end_layer; ++l) {
    const auto index = static_cast<std::size_t>(l);
    const bool known = l > stage.first_layer && !plan.model.stated && layers[index] == layers[index - 1];
    if (!known)
      one = spec::layer_bytes(plan.model, index, sharding(plan)) + kernel_bytes(plan, layers[index], card) +
            adapter_bytes(plan, layers[index]);
    sum += one;
  }
  return sum;
}

void add_weights(const spec::Plan& plan, const spec::Stage& stage, spec::StageMemory& memory) {
  const std::int64_t embedding = share(plan, spec::embedding_bytes(plan.model));
  const std::int64_t head = share(plan, spec::head_bytes(plan.model));
  memory.weights_bytes = layers_weights(plan, stage);
  memory.weights_bytes -= std::min(memory.weights_bytes, plan.engine.cpu_offload_bytes);
  if (stage.embedding) memory.embedding_bytes = embedding;
  if (stage.head && !(plan.model.tied_embedding && stage.embedding)) memory.head_bytes = head;
  if (stage.tower && !engines::leaves_tower_out(plan)) {
    const std::int64_t tower = spec::tower_bytes(plan.model);
    const bool whole = plan.engine.encoder.data_parallel || plan.model.tower.whole;
    memory.tower_bytes = whole ? tower : share(plan, tower);
  }
  if (!plan.engine.draft || !is_last(plan, stage)) return;
  // Over several stages the drafter can't share the target's tables.
  memory.draft_bytes = spec::draft_bytes(plan.model, sharding(plan)) + (plan.parallel.pp > 1 ? embedding + head : 0);
}

std::int64_t index_of(const spec::Plan& plan, const spec::Stage& stage) {
  for (std::size_t s = 0; s < plan.stages.size(); ++s)
    if (plan.stages[s].devices == stage.devices) return static_cast<std::int64_t>(s);
  return -1;
}

struct Corrected {
  std::int64_t budget_bytes = 0;  // of what lies in the budget
  std::int64_t graph_bytes = 0;   // of graphs beside it
  bool weights = false, activation = false, graphs = false, other = false, all = false;
  double doubt_bytes = 0;  // squares
};

Corrected corrected(const spec::Plan& plan, const spec::Stage& stage, const MemoryRules& rules) {
  Corrected out;
  if (plan.corrections.empty()) return out;
  const std::int64_t index = index_of(plan, stage);
  for (const spec::Correction& it : plan.corrections) {
    if (it.stage && *it.stage != index) continue;
    const bool graphs = it.part == "cuda_graph";
    (graphs && !graphs_in_budget(plan) ? out.graph_bytes : out.budget_bytes) += it.delta_bytes;
    out.weights = out.weights || it.part == "weights";
    out.activation = out.activation || it.part == "activation";
    out.graphs = out.graphs || graphs;
    out.other = out.other || it.part == "other";
    out.all = out.all || it.part == "kv";
    const double doubt = rules.value("repeat_uncertainty_bytes") +
                         rules.value("correction_uncertainty") * std::abs(static_cast<double>(it.delta_bytes));
    out.doubt_bytes += doubt * doubt;
  }
  return out;
}

double square(double value) { return value * value; }

/// What a card holds outside of PyTorch, in the budget and beside it, and how well that is known.
struct Beside {
  std::int64_t bytes = 0;
  std::int64_t warm_up_bytes = 0;    // of bytes: of the sampler's second run beyond what it was counted with
  bool fabric = false;               // communicators with multicast buffers
  std::int64_t compile_bytes = 0;    // counted of what compiling takes; as much more or less may be taken
  bool integrated = false;           // the card shares the host's memory
  std::int64_t non_torch_bytes = 0;  // of the budget: what the profile run finds outside of PyTorch
  bool graphs_in_budget = false;
  double graphs_doubt_bytes = 0;  // half of what graphs differ by with the driver, which isn't asked for
};

double context_bytes(const spec::Plan& plan, const spec::Stage& stage, const MemoryRules& rules) {
  const std::int64_t memory = smallest(plan, stage, [](const spec::Device& d) { return d.memory_bytes; });
  return rules.value(static_cast<double>(memory) >= rules.value("large_card_bytes") ? "large_card_context_bytes"
                                                                                    : "context_bytes");
}

/// What others hold of the card that has least free.
std::int64_t held_bytes(const spec::Plan& plan, const spec::Stage& stage) {
  return -smallest(plan, stage,
                   [](const spec::Device& d) { return std::min<std::int64_t>(0, d.free_bytes - d.memory_bytes); });
}

Beside beside(const spec::Plan& plan, const spec::Stage& stage, const ActivationMemory& activation,
              const MemoryRules& rules, int latent_block) {
  const CommunicatorMemory communicators = communicator_memory(plan, stage, rules);
  const std::int64_t context = bytes(context_bytes(plan, stage, rules));
  const bool counted = rules.is("whole_card_in_budget");
  Beside out;
  out.warm_up_bytes = activation.warm_up_bytes;
  if (spec::has_experts(plan.model))
    out.warm_up_bytes +=
        bytes(rules.value("experts_warm_up_fraction") * static_cast<double>(activation.sampler_run_bytes));
  out.bytes = (counted ? 0 : context) + communicators.outside_bytes + out.warm_up_bytes +
              latent_workspace_bytes(plan, stage, rules, latent_block) + flashinfer_bytes(plan, stage, rules);
  out.fabric = communicators.fabric;
  out.compile_bytes = bytes(rules.value("compile_share") * static_cast<double>(activation.compile_bytes));
  out.integrated = shares_host_memory(plan, stage);
  out.non_torch_bytes =
      non_torch_bytes(plan, stage, rules, communicators) + (counted ? context + held_bytes(plan, stage) : 0);
  out.graphs_in_budget = graphs_in_budget(plan);
  out.graphs_doubt_bytes =
      static_cast<double>(captured_layers(plan, stage, rules)) *
      std::hypot(rules.value("cuda_graph_driver_bytes"),
                 rules.value("collective_graph_uncertainty") * collective_graph_bytes(plan, stage, rules));
  return out;
}

/// Of the budget's parts, squared.
double budget_doubt(const spec::StageMemory& m, const ActivationMemory& activation, const MemoryRules& rules,
                    const Corrected& known, const Beside& beside, bool host) {
  const std::int64_t weights = m.weights_bytes + m.embedding_bytes + m.head_bytes + m.tower_bytes + m.draft_bytes;
  double sum = known.doubt_bytes;
  if (known.all) return sum;
  if (!known.weights) sum += square(rules.value("weights_uncertainty") * static_cast<double>(weights));
  if (!known.activation) {
    sum += square(rules.value("forward_uncertainty") * static_cast<double>(activation.forward_bytes));
    sum += square(rules.value("encoder_uncertainty") * static_cast<double>(activation.encoder_bytes));
    sum += square(rules.value("sampler_uncertainty") * static_cast<double>(activation.sampler_bytes));
  }
  if (!known.other && !host) sum += square(rules.value("non_torch_uncertainty_bytes"));
  if (!known.other && beside.fabric) sum += square(rules.value("fabric_uncertainty_bytes"));
  if (!known.other) sum += square(static_cast<double>(beside.compile_bytes));
  if (!known.other && beside.integrated) sum += square(rules.value("integrated_uncertainty_bytes"));
  if (!known.graphs && m.cuda_graph_bytes > 0 && beside.graphs_in_budget)
    sum += square(rules.value("cuda_graph_uncertainty_bytes"));
  return sum;
}

double outside_doubt(const spec::StageMemory& m, const MemoryRules& rules, const Corrected& known, const Beside& beside,
                     bool host) {
  if (host) return 0;
  double sum = square(rules.value("outside_uncertainty_bytes"));
  sum += square(rules.value("warm_up_uncertainty") * static_cast<double>(beside.warm_up_bytes));
  if (beside.fabric) sum += square(rules.value("fabric_uncertainty_bytes"));
  if (m.cuda_graph_bytes > 0 && !beside.graphs_in_budget)
    sum += known.graphs ? square(rules.value("repeat_uncertainty_bytes"))
                        : square(rules.value("cuda_graph_uncertainty_bytes"));
  return sum;
}

/// What is left, and how far off that may be: less may be left, or more.
struct Margin {
  std::int64_t bytes = 0, less_bytes = 0, more_bytes = 0;
};

/// Left by a sampler that does not sort after all: it does or it doesn't, which no other doubt makes up for.
double spare(const ActivationMemory& activation, const MemoryRules& rules, const Corrected& known) {
  if (known.activation || known.all) return 0;
  return rules.value("sampler_spare") * static_cast<double>(activation.sampler_bytes);
}

/// What graphs take by the driver and by NCCL's release: all of them more or all less.
double graphs_doubt(const spec::StageMemory& m, const Corrected& known, const Beside& beside, bool in_budget) {
  if (m.cuda_graph_bytes <= 0 || known.graphs || known.all || beside.graphs_in_budget != in_budget) return 0;
  return beside.graphs_doubt_bytes;
}

/// Of doubts that are no strangers to each other: what is known of graphs holds part of what drivers differ by.
double joined(double squares, double graphs, double shared) {
  return std::sqrt(squares + square(graphs) + 2 * shared * std::sqrt(squares) * graphs);
}

/// What weights may take more where the checkpoint's name alone tells their formats: attention stayed wide or it
/// didn't, which no other doubt makes up for either.
double wide_attention(const spec::Plan& plan, const spec::Stage& stage, const Corrected& known) {
  if (!plan.model.attention_may_be_wide || known.weights || known.all) return 0;
  std::int64_t sum = 0, one = 0;
  const auto& layers = plan.model.layers;
  for (int l = stage.first_layer; l < stage.end_layer; ++l) {
    const auto index = static_cast<std::size_t>(l);
    if (l == stage.first_layer || !(layers[index] == layers[index - 1]))
      one = spec::wide_attention_bytes(plan.model, layers[index], sharding(plan));
    sum += one;
  }
  return static_cast<double>(sum);
}

/// Of the smaller margin, on the side of zero: a start-up surely fits when both low ends are above it, and surely fails
/// when one high end is below.
std::int64_t uncertainty_of(const Margin& a, const Margin& b) {
  const std::int64_t margin = std::min(a.bytes, b.bytes);
  if (margin >= 0) return margin - std::min(a.bytes - a.less_bytes, b.bytes - b.less_bytes);
  return std::min(a.bytes + a.more_bytes, b.bytes + b.more_bytes) - margin;
}

/// Everything of the budget but KV.
std::int64_t used_bytes(const spec::StageMemory& m, bool graphs_in_budget) {
  return m.weights_bytes + m.embedding_bytes + m.head_bytes + m.tower_bytes + m.draft_bytes + m.activation_bytes +
         m.sampler_bytes + (graphs_in_budget ? m.cuda_graph_bytes : 0) + m.reserve_bytes;
}

void add_budget(const spec::Plan& plan, const spec::Stage& stage, spec::StageMemory& memory, bool graphs_in_budget) {
  const std::int64_t used = used_bytes(memory, graphs_in_budget);
  if (plan.engine.kv_cache_memory_bytes) {
    memory.budget_bytes = std::max<std::int64_t>(0, used + *plan.engine.kv_cache_memory_bytes);
  } else {
    memory.budget_bytes = smallest(plan, stage, [&](const spec::Device& device) {
      return static_cast<std::int64_t>(
          std::ceil(plan.gpu_memory_utilization * static_cast<double>(device.memory_bytes)));
    });
  }
  memory.kv_bytes = memory.budget_bytes - used;
}

}  // namespace

std::int64_t free_bytes(const spec::Plan& plan, const spec::Stage& stage) {
  return smallest(plan, stage, [](const spec::Device& device) { return device.free_bytes; });
}

std::int64_t outside_bytes(const spec::Plan& plan, const spec::Stage& stage, const spec::StageMemory& memory) {
  const bool counted = engines::memory_rules(plan).is("whole_card_in_budget") && !on_host(plan, stage);
  return smallest(plan, stage, [&](const spec::Device& device) {
    if (plan.engine.kv_cache_memory_bytes) return device.free_bytes - memory.budget_bytes;
    return (counted ? device.memory_bytes : device.free_bytes) -
           static_cast<std::int64_t>(std::ceil(plan.gpu_memory_utilization * static_cast<double>(device.memory_bytes)));
  });
}

std::int64_t loading_room_bytes(const spec::Plan& plan, const spec::Stage& stage, const spec::StageMemory& memory) {
  if (plan.engine.quantization != "fp8") return std::numeric_limits<std::int64_t>::max();
  const double copies = engines::memory_rules(plan).value("fp8_load_copies");
  if (copies == 0) return std::numeric_limits<std::int64_t>::max();
  const std::int64_t graphs_beside = graphs_in_budget(plan) ? 0 : memory.cuda_graph_bytes;
  const std::int64_t early = memory.other_bytes - std::min(memory.other_bytes, graphs_beside);
  const std::int64_t kept =
      memory.weights_bytes + memory.embedding_bytes + memory.head_bytes + memory.tower_bytes + memory.draft_bytes;
  return free_bytes(plan, stage) - early - kept - bytes(copies * static_cast<double>(memory.weights_bytes));
}

engines::KvLayout kv_layout(const spec::Plan& plan) {
  return engines::kv_layout(plan.model, plan.parallel.tp, plan.engine.block_size, plan.parallel.pp, plan.engine.draft,
                            engines::memory_rules(plan));
}

int kv_end(const spec::Plan& plan, const spec::Stage& stage) {
  const bool draft = plan.engine.draft && is_last(plan, stage);
  return stage.end_layer + (draft ? static_cast<int>(plan.model.draft_layers.size()) : 0);
}

spec::StageMemory stage_memory(const spec::Plan& plan, const spec::Stage& stage, const engines::KvLayout& layout) {
  const MemoryRules& rules = engines::memory_rules(plan);
  const bool host = on_host(plan, stage);
  const Corrected known = corrected(plan, stage, rules);
  const int block = latent_block_tokens(plan, layout);
  const ActivationMemory activation = activation_memory(plan, stage, rules, block);
  spec::StageMemory memory;
  add_weights(plan, stage, memory);
  memory.activation_bytes = activation.forward_bytes + activation.encoder_bytes + activation.state_bytes;
  memory.sampler_bytes = activation.sampler_bytes;
  const Beside more = host ? Beside{} : beside(plan, stage, activation, rules, block);
  const bool in_budget = graphs_in_budget(plan);
  if (!host) {
    memory.activation_bytes += more.non_torch_bytes + more.compile_bytes;
    memory.cuda_graph_bytes = cuda_graph_bytes(plan, stage, rules);
    memory.other_bytes =
        more.bytes + (in_budget ? 0 : std::max<std::int64_t>(0, memory.cuda_graph_bytes + known.graph_bytes));
  }
  memory.reserve_bytes = known.budget_bytes;
  add_budget(plan, stage, memory, in_budget);
  const double inside = budget_doubt(memory, activation, rules, known, more, host);
  const double graphs_inside = graphs_doubt(memory, known, more, true);
  const double graphs_outside = graphs_doubt(memory, known, more, false);
  const double more_left = spare(activation, rules, known);
  const double less_left = wide_attention(plan, stage, known);
  const double beyond = outside_doubt(memory, rules, known, more, host);
  // A stated KV cache is what it is, and what the rest of the budget may be off by lies outside.
  const bool stated = plan.engine.kv_cache_memory_bytes.has_value();
  const double shared = rules.value("graphs_doubt_shared");
  const double within = joined(inside, graphs_inside, shared);
  memory.kv_uncertainty_bytes = stated ? 0 : bytes(within + std::max(more_left, less_left));
  const Margin room{memory.kv_bytes - least_kv_bytes(plan, stage, layout, plan.max_model_len),
                    stated ? 0 : bytes(within + less_left), stated ? 0 : bytes(within + more_left)};
  // What lies outside may still take what idles in the budget at start-up; the first full batch of prompts then has
  // none.
  const double doubt = joined(beyond + (stated ? inside : 0), graphs_outside + (stated ? graphs_inside : 0), shared);
  Margin outside{outside_bytes(plan, stage, memory) - memory.other_bytes, bytes(doubt + (stated ? less_left : 0)),
                 bytes(doubt + (stated ? more_left : 0)) + activation.idle_bytes};
  const std::int64_t loading = loading_room_bytes(plan, stage, memory);
  if (loading < outside.bytes) outside = {loading, bytes(doubt), bytes(doubt)};
  memory.margin_bytes = std::min(room.bytes, outside.bytes);
  memory.uncertainty_bytes = uncertainty_of(room, outside);
  return memory;
}

spec::StageMemory stage_memory(const spec::Plan& plan, const spec::Stage& stage) {
  return stage_memory(plan, stage, kv_layout(plan));
}

std::int64_t stage_kv_blocks(const spec::Plan& plan, const spec::Stage& stage, const spec::StageMemory& memory,
                             const engines::KvLayout& layout) {
  return engines::blocks_in(layout, stage.first_layer, kv_end(plan, stage), memory.kv_bytes);
}

std::int64_t stage_kv_tokens(const spec::Plan& plan, const spec::Stage& stage, const spec::StageMemory& memory) {
  const engines::KvLayout layout = kv_layout(plan);
  return engines::tokens_of(layout, stage_kv_blocks(plan, stage, memory, layout), plan.max_model_len,
                            plan.micro_batching.max_num_batched_tokens, plan.micro_batching.in_flight);
}

spec::Verdict verdict_of(const spec::StageMemory& memory) {
  return verdict_of(memory.margin_bytes, memory.uncertainty_bytes);
}

spec::Verdict verdict_of(std::int64_t margin_bytes, std::int64_t uncertainty_bytes) {
  if (std::abs(margin_bytes) < uncertainty_bytes) return spec::Verdict::tight;
  return margin_bytes >= 0 ? spec::Verdict::fits : spec::Verdict::oom;
}

std::int64_t longest_context(const spec::Plan& plan, const engines::KvLayout& layout) {
  const auto starts = [&](std::int64_t tokens) {
    return std::all_of(plan.stages.begin(), plan.stages.end(), [&](const spec::Stage& stage) {
      return stage.memory.kv_bytes > 0 && least_kv_bytes(plan, stage, layout, tokens) <= stage.memory.kv_bytes &&
             outside_bytes(plan, stage, stage.memory) >= stage.memory.other_bytes &&
             loading_room_bytes(plan, stage, stage.memory) >= 0;
    });
  };
  std::int64_t low = 0;
  std::int64_t high = std::max(plan.model.max_position, plan.max_model_len);
  while (low < high) {
    const std::int64_t middle = low + (high - low + 1) / 2;
    if (starts(middle))
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

namespace {

void add_unused(spec::Plan& plan, const engines::KvLayout& layout) {
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (const spec::Stage& stage : plan.stages) least = std::min(least, stage.kv_blocks);
  for (spec::Stage& stage : plan.stages) {
    const std::int64_t block = engines::block_bytes(layout, stage.first_layer, kv_end(plan, stage));
    stage.memory.unused_bytes = std::max<std::int64_t>(0, stage.memory.kv_bytes - least * block);
  }
}

/// Tokens of the stage that has least when every stage's KV bytes are at one end of their band.
double tokens_at(const spec::Plan& plan, const engines::KvLayout& layout, int side) {
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (const spec::Stage& stage : plan.stages) {
    const std::int64_t kv = stage.memory.kv_bytes + side * stage.memory.kv_uncertainty_bytes;
    const std::int64_t blocks = engines::blocks_in(layout, stage.first_layer, kv_end(plan, stage), kv);
    least =
        std::min(least, engines::tokens_of(layout, blocks, plan.max_model_len,
                                           plan.micro_batching.max_num_batched_tokens, plan.micro_batching.in_flight));
  }
  return static_cast<double>(least);
}

spec::Range token_range(const spec::Plan& plan, const engines::KvLayout& layout) {
  return {tokens_at(plan, layout, -1), tokens_at(plan, layout, 1)};
}

}  // namespace

void assess_memory(spec::Plan& plan) {
  const engines::KvLayout layout = kv_layout(plan);
  plan.verdict = spec::Verdict::fits;
  plan.predicted.kv_tokens = std::numeric_limits<std::int64_t>::max();
  std::int64_t least_margin = std::numeric_limits<std::int64_t>::max();
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    spec::Stage& stage = plan.stages[s];
    stage.memory = stage_memory(plan, stage, layout);
    stage.kv_blocks = stage_kv_blocks(plan, stage, stage.memory, layout);
    stage.kv_tokens = engines::tokens_of(layout, stage.kv_blocks, plan.max_model_len,
                                         plan.micro_batching.max_num_batched_tokens, plan.micro_batching.in_flight);
    stage.verdict = verdict_of(stage.memory);
    plan.verdict = std::max(plan.verdict, stage.verdict);
    plan.predicted.kv_tokens = std::min(plan.predicted.kv_tokens, stage.kv_tokens);
    if (stage.memory.margin_bytes < least_margin) {
      least_margin = stage.memory.margin_bytes;
      plan.predicted.limiting_stage = static_cast<int>(s);
    }
  }
  plan.predicted.uncertainty["kv_tokens"] = token_range(plan, layout);
  add_unused(plan, layout);
  plan.longest_context = longest_context(plan, layout);
  plan.failure = failure_of(plan);
}

}  // namespace ppplan::cost
