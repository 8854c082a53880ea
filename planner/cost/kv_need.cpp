#include "planner/cost/kv_need.h"

#include <algorithm>

#include "planner/cost/activation_memory.h"
#include "planner/cost/memory_account.h"
#include "planner/engines/line_graphs.h"

namespace ppplan::cost {

std::int64_t request_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::KvLayout& layout,
                           std::int64_t tokens) {
  const int batch = plan.micro_batching.max_num_batched_tokens, in_flight = plan.micro_batching.in_flight;
  const std::int64_t own = engines::block_bytes(layout, stage.first_layer, kv_end(plan, stage)) *
                           engines::request_blocks(layout, tokens, batch, in_flight);
  if (!engines::checks_whole_model(plan.provenance.vllm, plan.parallel.pp)) return own;
  return std::max(own, engines::block_bytes(layout, 0, static_cast<int>(layout.page_bytes.size())) *
                           engines::first_group_blocks(layout, tokens, batch, in_flight));
}

namespace {

/// Graphs of decode steps take the states from their blocks; other graphs leave attention out.
bool captures_decodes(const spec::Plan& plan, const engines::MemoryRules& rules) {
  return captures_graphs(plan, rules) && graph_mode(plan, rules) != "PIECEWISE";
}

/// The largest captured size of at most `sequences`.
int largest_decode(const spec::Plan& plan, int sequences, const engines::MemoryRules& rules) {
  const std::vector<int>& told = plan.engine.graphs.sizes;
  const int most = std::min(sequences, static_cast<int>(rules.value("cuda_graph_tokens")));
  const std::vector<int> sizes = told.empty() ? engines::captured_batches(most, plan.provenance.vllm) : told;
  const auto end = std::upper_bound(sizes.begin(), sizes.end(), sequences);
  return end == sizes.begin() ? 0 : *(end - 1);
}

/// Sequences that must have a block each.
std::int64_t sequences_checked(const spec::Plan& plan, const engines::MemoryRules& rules) {
  constexpr double all = 1;
  if (!rules.is("kv_states_checked") || !captures_decodes(plan, rules)) return 0;
  const int sequences = plan.micro_batching.max_num_seqs;
  return rules.value("kv_states_checked") == all ? sequences : largest_decode(plan, sequences, rules);
}

}  // namespace

std::int64_t states_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::KvLayout& layout) {
  const bool kept = std::any_of(layout.groups.begin(), layout.groups.end(), [](const engines::KvGroup& group) {
    return group.kind == spec::AttentionKind::linear;
  });
  if (!kept || plan.engine.draft) return 0;
  return engines::block_bytes(layout, stage.first_layer, kv_end(plan, stage)) *
         sequences_checked(plan, engines::memory_rules(plan));
}

std::int64_t least_kv_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::KvLayout& layout,
                            std::int64_t tokens) {
  return std::max(request_bytes(plan, stage, layout, tokens), states_bytes(plan, stage, layout));
}

}  // namespace ppplan::cost
