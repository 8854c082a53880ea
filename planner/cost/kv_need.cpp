#include "planner/cost/kv_need.h"

#include <algorithm>

#include "planner/cost/memory_account.h"

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

std::int64_t states_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::KvLayout& layout) {
  const bool kept = std::any_of(layout.groups.begin(), layout.groups.end(), [](const engines::KvGroup& group) {
    return group.kind == spec::AttentionKind::linear;
  });
  if (!kept || plan.engine.enforce_eager || plan.engine.draft) return 0;
  if (!engines::memory_rules(plan).is("kv_states_checked")) return 0;
  return engines::block_bytes(layout, stage.first_layer, kv_end(plan, stage)) * plan.micro_batching.max_num_seqs;
}

std::int64_t least_kv_bytes(const spec::Plan& plan, const spec::Stage& stage, const engines::KvLayout& layout,
                            std::int64_t tokens) {
  return std::max(request_bytes(plan, stage, layout, tokens), states_bytes(plan, stage, layout));
}

}  // namespace ppplan::cost
