// Where a start-up that lacks memory ends.
#include <algorithm>

#include "planner/cost/activation_memory.h"
#include "planner/cost/assess.h"
#include "planner/cost/kv_need.h"
#include "planner/cost/memory_account.h"

namespace ppplan::cost {
namespace {

/// What start-up does on one stage, in its order, and by how much each is short.
std::optional<spec::Failure> stage_failure(const spec::Plan& plan, const spec::Stage& stage, std::size_t index,
                                           const engines::KvLayout& layout) {
  const bool in_budget = graphs_in_budget(plan);
  const spec::StageMemory& m = stage.memory;
  const std::int64_t graphs_beside = in_budget ? 0 : m.cuda_graph_bytes;
  const std::int64_t free = free_bytes(plan, stage);
  const std::int64_t early = m.other_bytes - std::min(m.other_bytes, graphs_beside);
  const std::int64_t outside = outside_bytes(plan, stage, m);
  const std::int64_t weights = m.weights_bytes + m.embedding_bytes + m.head_bytes + m.tower_bytes + m.draft_bytes;
  const std::int64_t room = free - early - weights;
  const std::pair<const char*, std::int64_t> steps[] = {
      {"weights", plan.engine.kv_cache_memory_bytes ? room : std::min(outside - early, room)},
      {"weights", loading_room_bytes(plan, stage, m)},
      {"profile", room - m.activation_bytes},
      {"sampler", room - m.activation_bytes - m.sampler_bytes},
      {"cuda_graph", room - (in_budget ? m.cuda_graph_bytes : 0)},
      {"kv", m.kv_bytes > 0 ? 0 : std::min<std::int64_t>(m.kv_bytes, -1)},
      {"context", m.kv_bytes - request_bytes(plan, stage, layout, plan.max_model_len)},
      {"cuda_graph", std::min(m.kv_bytes - states_bytes(plan, stage, layout), outside - m.other_bytes)}};
  for (const auto& [at, left] : steps)
    if (left < 0) return spec::Failure{at, static_cast<int>(index), -left};
  return std::nullopt;
}

constexpr const char* order[] = {"weights", "profile", "sampler", "cuda_graph", "kv", "context"};

std::ptrdiff_t place(const spec::Failure& failure) {
  return std::find(std::begin(order), std::end(order), failure.at) - std::begin(order);
}

}  // namespace

std::optional<spec::Failure> failure_of(const spec::Plan& plan) {
  const engines::KvLayout layout = kv_layout(plan);
  std::optional<spec::Failure> first;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    if (plan.stages[s].memory.margin_bytes >= 0) continue;
    const auto found = stage_failure(plan, plan.stages[s], s, layout);
    if (!found) continue;
    const bool sooner = !first || place(*found) < place(*first) ||
                        (place(*found) == place(*first) && found->short_bytes > first->short_bytes);
    if (sooner) first = found;
  }
  return first;
}

}  // namespace ppplan::cost
