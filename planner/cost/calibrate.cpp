#include "planner/cost/calibrate.h"

#include <algorithm>
#include <cmath>

#include "planner/cost/activation_memory.h"
#include "planner/cost/communicator_memory.h"
#include "planner/cost/memory_account.h"
#include "planner/engines/memory_rules.h"

namespace ppplan::cost {
namespace {

class Corrections {
 public:
  Corrections(const spec::Observation& observed, const std::string& source) : stage_(observed.stage), source_(source) {}
  void add(const char* part, std::int64_t delta) {
    if (delta != 0) list.push_back({part, delta, stage_, source_});
  }
  std::vector<spec::Correction> list;

 private:
  std::optional<int> stage_;
  std::string source_;
};

const spec::Stage& fullest(const spec::Plan& plan) {
  return *std::min_element(plan.stages.begin(), plan.stages.end(),
                           [](const spec::Stage& a, const spec::Stage& b) { return a.kv_blocks < b.kv_blocks; });
}

/// Blocks that make as many tokens in the server's log.
double blocks_of_tokens(const spec::Plan& plan, const engines::KvLayout& layout, std::int64_t tokens) {
  constexpr std::int64_t many = 1 << 20;
  const std::int64_t scale = engines::tokens_of(
      layout, many, plan.max_model_len, plan.micro_batching.max_num_batched_tokens, plan.micro_batching.in_flight);
  return scale > 0 ? static_cast<double>(tokens) * many / static_cast<double>(scale) : 0;
}

std::optional<std::int64_t> reported_kv(const spec::Plan& plan, const spec::Stage& stage,
                                        const spec::Observation& observed) {
  if (observed.kv_bytes) return observed.kv_bytes;
  if (!observed.kv_blocks && !observed.kv_tokens) return std::nullopt;
  const engines::KvLayout layout = kv_layout(plan);
  const double blocks = observed.kv_blocks ? static_cast<double>(*observed.kv_blocks)
                                           : std::round(blocks_of_tokens(plan, layout, *observed.kv_tokens));
  const std::int64_t block = engines::block_bytes(layout, stage.first_layer, kv_end(plan, stage));
  return std::llround((blocks + 0.5) * static_cast<double>(block));
}

std::vector<spec::Correction> of_stage(const spec::Plan& plan, const spec::Observation& observed,
                                       const std::string& source) {
  const spec::Stage& stage = observed.stage ? plan.stages[static_cast<std::size_t>(*observed.stage)] : fullest(plan);
  const spec::StageMemory& m = stage.memory;
  const engines::MemoryRules& rules = engines::memory_rules(plan);
  const std::int64_t non_torch = non_torch_bytes(plan, stage, rules, communicator_memory(plan, stage, rules));
  Corrections out(observed, source);
  const std::int64_t weights = m.weights_bytes + m.embedding_bytes + m.head_bytes + m.tower_bytes + m.draft_bytes;
  if (observed.weights_bytes) out.add("weights", *observed.weights_bytes - weights);
  const std::int64_t activation = m.activation_bytes - non_torch + m.sampler_bytes;
  if (observed.activation_bytes) out.add("activation", *observed.activation_bytes - activation);
  if (observed.non_torch_bytes) out.add("other", *observed.non_torch_bytes - non_torch);
  if (observed.graph_bytes) out.add("cuda_graph", *observed.graph_bytes - m.cuda_graph_bytes);
  const auto kv = reported_kv(plan, stage, observed);
  if (!kv) return out.list;
  std::int64_t explained = 0;
  for (const spec::Correction& it : out.list)
    if (it.part != "cuda_graph" || graphs_in_budget(plan)) explained += it.delta_bytes;
  out.add("kv", m.kv_bytes - explained - *kv);
  return out.list;
}

}  // namespace

std::vector<spec::Correction> calibrate(const spec::Plan& estimated, const std::vector<spec::Observation>& observations,
                                        const std::string& source) {
  std::vector<spec::Correction> out;
  for (const spec::Observation& observed : observations) {
    if (observed.stage && *observed.stage >= static_cast<int>(estimated.stages.size())) continue;
    const auto some = of_stage(estimated, observed, source);
    out.insert(out.end(), some.begin(), some.end());
  }
  return out;
}

}  // namespace ppplan::cost
