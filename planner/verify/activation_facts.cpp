#include "planner/verify/activation_facts.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "planner/verify/kv_facts.h"
#include "planner/verify/model_facts.h"

namespace ppplan::verify {
namespace {

using input::Node;

double size(const Node& node, const char* key) { return node.at(key).number(0); }

/// Queries and the attention's output, keys and values.
double attention_width(const Node& a, double tp) {
  const std::string kind = a.at("kind").text();
  if (kind == "none" || kind == "mla") return 0;
  if (kind == "linear")
    return (4 * size(a, "key_heads") * size(a, "key_head_dim") +
            5 * size(a, "value_heads") * size(a, "value_head_dim")) /
           tp;
  // A padded copy and the output have 64 heads at least.
  if (kind == "compressed")
    return size(a, "head_dim") * (size(a, "heads") / tp + 2 * std::max(64.0, size(a, "heads") / tp));
  const double queries = size(a, "heads") / tp, pairs = std::max(1.0, size(a, "kv_heads") / tp);
  return 2 * (queries + pairs) * size(a, "head_dim");
}

/// Gate, up and their product, or up and its activation; of experts for every expert of a token, those that are worked
/// on at once, and two numbers per expert of the router.
double block_width(const Node& block, const PlanFacts& plan, double hidden) {
  const std::string kind = block.at("kind").text();
  const auto tp = static_cast<double>(plan.tp);
  if (kind == "none") return 0;
  const double matrices = block_matrices(block);
  if (kind == "dense") return matrices * size(block, "intermediate") / tp;
  const double width = size(block, "intermediate") / (plan.expert_parallel ? 1 : tp);
  const double share =
      std::min(1.0, memory_constant("moe_chunk_tokens", plan) / static_cast<double>(plan.max_num_batched_tokens));
  const double in = expert_columns(block, hidden);
  return size(block, "experts_per_token") * (width + std::max(in, (matrices - 1) * width)) * share +
         2 * size(block, "experts");
}

/// Expanded keys and values, and gathered keys, of latent attention's prefill.
double latent_width(const Node& a, const PlanFacts& plan) {
  const char* as_heads = plan.model.narrow ? "kv_latent_expanded_quantized" : "kv_latent_expanded";
  if (a.at("kind").text() != "mla" || memory_constant(as_heads, plan) != 0) return 0;
  const double heads = std::ceil(size(a, "heads") / static_cast<double>(plan.tp));
  const double nope = size(a, "nope_dim"), rope = size(a, "rope_dim");
  return memory_constant("mla_profiled_expansion", plan) * heads * (nope + size(a, "value_dim")) +
         memory_constant("mla_profiled_keys", plan) * (heads * (nope + rope) + size(a, "kv_lora_rank") + rope);
}

/// Of layers that keep whole contexts: those with a state make blocks longer than what was asked for.
std::int64_t latent_block(const PlanFacts& plan) {
  for (const KvPool::Group& group : kv_pool(plan).groups)
    if (group.attention == "full") return group.block_tokens;
  return plan.block_tokens;
}

double workspace_tokens(const PlanFacts& plan) {
  const double blocks = static_cast<double>(plan.max_num_seqs) * static_cast<double>(latent_block(plan));
  const double wanted = std::max(8 * static_cast<double>(plan.max_model_len), 4 * blocks);
  return std::max(blocks, std::min(memory_constant("mla_workspace_tokens", plan), wanted));
}

double library_bytes(const PlanFacts& plan, const StageFacts& stage) {
  bool hopper = false;
  for (const auto& group : stage.devices)
    for (const std::int64_t device : group)
      hopper |= plan.input_devices[static_cast<std::size_t>(device)].compute_capability >= 90;
  return memory_constant(hopper ? "library_workspace_hopper_bytes" : "library_workspace_bytes", plan);
}

/// A row of an indexer's key and scales for every entry of so many contexts.
double indexer_rows(const PlanFacts& plan, const StageFacts& stage) {
  double most = 0;
  for (auto l = static_cast<std::size_t>(stage.first_layer); l < static_cast<std::size_t>(stage.end_layer); ++l) {
    const LayerFacts& layer = plan.model.layers[l];
    const double entries =
        static_cast<double>(plan.max_model_len) / static_cast<double>(std::max<std::int64_t>(1, layer.joined));
    most = std::max(most, entries * layer.index_bytes);
  }
  return memory_constant("indexer_contexts", plan) * most;
}

/// States that are no pages of the KV cache: of all sequences there may be.
double kept_states(const PlanFacts& plan, const StageFacts& stage) {
  if (memory_constant("kv_states_paged", plan) != 0) return 0;
  double sum = 0;
  for (auto l = static_cast<std::size_t>(stage.first_layer); l < static_cast<std::size_t>(stage.end_layer); ++l)
    if (plan.model.layers[l].attention == "linear") sum += rank_state_bytes(plan.model.layers[l], plan.tp);
  return sum * static_cast<double>(plan.max_num_seqs);
}

double widest_bytes(const PlanFacts& plan, const StageFacts& stage) {
  double elements = 0;
  const double workspace = workspace_tokens(plan);
  for (auto l = static_cast<std::size_t>(stage.first_layer); l < static_cast<std::size_t>(stage.end_layer); ++l) {
    const WidthFacts& width = plan.widths[l];
    elements = std::max({elements, width.per_token * static_cast<double>(plan.max_num_batched_tokens),
                         width.latent_elements_per_token * workspace});
  }
  return elements * plan.element_bytes;
}

/// Logits and their copies at the most sequences, and the kernel's buffer where there is one.
double sampler_run(const PlanFacts& plan) {
  const auto constant = [&](const char* name) { return memory_constant(name, plan); };
  const auto sequences = static_cast<double>(plan.max_num_seqs);
  if (plan.runner_v2) return sequences * plan.vocabulary * constant("v2_sampler_bytes_per_logit");
  return plan.vocabulary *
         (sequences * constant("sampler_bytes_per_logit") + 4 * std::min(sequences, constant("sampler_buffer_rows")));
}

/// A table as large as the embedding's part, where compiling meets that: as far as it exceeds the peak, and once more
/// where it stays.
double compiling(const PlanFacts& plan, const StageFacts& stage, double peak) {
  if (plan.enforce_eager || stage.first_layer > 0) return 0;
  const auto constant = [&](const char* name) { return memory_constant(name, plan); };
  const double table =
      std::max(0.0, plan.model.embedding_bytes - plan.model.layer_table_bytes) / static_cast<double>(plan.tp);
  return constant("compile_share") *
         (constant("compile_peak_tables") * std::max(0.0, table - peak) + constant("compile_kept_tables") * table);
}

}  // namespace

WidthFacts width_facts(const Node& run, const PlanFacts& plan, double hidden) {
  const Node attention = run.at("attention");
  return {std::max(attention_width(attention, static_cast<double>(plan.tp)),
                   block_width(run.at("feed_forward"), plan, hidden)),
          latent_width(attention, plan)};
}

double held_by_others(const PlanFacts& plan, const StageFacts& stage) {
  if (memory_constant("whole_card_in_budget", plan) == 0) return 0;
  std::int64_t smallest = std::numeric_limits<std::int64_t>::max(), most = 0;
  for (const auto& group : stage.devices)
    for (const std::int64_t index : group) {
      const DeviceFacts& card = plan.input_devices[static_cast<std::size_t>(index)];
      if (card.name == "cpu-core") return 0;
      smallest = std::min(smallest, card.memory_bytes);
      most = std::max(most, card.memory_bytes - card.free_bytes);
    }
  const bool large = static_cast<double>(smallest) >= memory_constant("large_card_bytes", plan);
  return memory_constant(large ? "large_card_context_bytes" : "context_bytes", plan) + static_cast<double>(most);
}

ActivationFacts activation_facts(const PlanFacts& plan, const StageFacts& stage) {
  const auto constant = [&](const char* name) { return memory_constant(name, plan); };
  // norm_bytes is one vector of [hidden].
  const double hidden = static_cast<double>(plan.max_num_batched_tokens) * plan.model.norm_bytes;
  const double reduced = plan.tp > 1 ? constant("reduced_hidden_copies") : 0;
  const bool last = stage.end_layer == static_cast<std::int64_t>(plan.model.layers.size());
  const double streams = plan.model.streams;
  const double residual = 1 + (constant("forward_hidden_copies") - 1) * streams + (last && streams > 1 ? streams : 0);
  const double own = plan.model.own_width * plan.element_bytes * static_cast<double>(plan.max_num_batched_tokens);
  const double peak =
      (residual + reduced) * hidden + (stage.first_layer == 0 ? 3 : 1) * own + widest_bytes(plan, stage);
  ActivationFacts out;
  out.forward_bytes = peak + library_bytes(plan, stage) + indexer_rows(plan, stage) + kept_states(plan, stage);
  if (stage.first_layer > 0)
    out.forward_bytes += constant("boundary_hidden_copies") / 2 * ((streams > 1 ? streams : 2) * hidden + own);
  out.compile_bytes = compiling(plan, stage, last ? std::max(peak, hidden + sampler_run(plan)) : peak);
  if (!last) return out;
  const auto sequences = static_cast<double>(plan.max_num_seqs);
  out.sampler_bytes = std::max(0.0, hidden + sampler_run(plan) - peak) +
                      (plan.runner_v2 ? sequences * plan.vocabulary * constant("v2_penalty_bytes_per_logit") : 0);
  return out;
}

}  // namespace ppplan::verify
