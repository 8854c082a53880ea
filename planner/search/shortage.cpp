#include "planner/search/shortage.h"

#include <fmt/format.h>

#include <algorithm>

#include "planner/cost/kv_need.h"
#include "planner/cost/memory_account.h"

namespace ppplan::search {

namespace {

const spec::Stage& tightest(const spec::Plan& plan) {
  return *std::min_element(plan.stages.begin(), plan.stages.end(), [](const spec::Stage& a, const spec::Stage& b) {
    return a.memory.margin_bytes < b.memory.margin_bytes;
  });
}

// The margin is the smaller of two: KV bytes against one request, and free memory against the budget.
bool lacks_free_memory(const spec::Plan& plan, const spec::Stage& stage) {
  return cost::outside_bytes(plan, stage, stage.memory) - stage.memory.other_bytes <= stage.memory.margin_bytes;
}

}  // namespace

std::int64_t least_margin_bytes(const spec::Plan& plan) { return tightest(plan).memory.margin_bytes; }

std::string bytes_text(std::int64_t bytes) {
  const double mebi = static_cast<double>(bytes) / (1024.0 * 1024);
  return mebi >= 1024 ? fmt::format("{:.1f} GiB", mebi / 1024) : fmt::format("{:.0f} MiB", std::max(1.0, mebi));
}

std::string shortage_text(const spec::Plan& plan) {
  const spec::Stage& stage = tightest(plan);
  const spec::StageMemory& memory = stage.memory;
  if (memory.margin_bytes >= 0) return "";
  const auto number = &stage - plan.stages.data();
  const std::string& card = plan.cluster.devices[static_cast<std::size_t>(stage.devices.front().front())].name;
  const std::string text = fmt::format("stage {} ({}) is short {}", number, card, bytes_text(-memory.margin_bytes));
  if (lacks_free_memory(plan, stage))
    return text + fmt::format(" of free memory: the budget of {} and {} outside of it exceed what is free",
                              bytes_text(memory.budget_bytes), bytes_text(memory.other_bytes));
  const engines::KvLayout layout = cost::kv_layout(plan);
  if (memory.kv_bytes >= cost::request_bytes(plan, stage, layout, plan.max_model_len))
    return text + fmt::format(" for the states of {} sequences", plan.micro_batching.max_num_seqs);
  if (memory.kv_bytes >= 0)
    return text + fmt::format(" for the KV cache of one request of {} tokens", plan.max_model_len);
  return text + fmt::format(": {} of weights and {} of activations and CUDA graphs exceed the budget of {}",
                            bytes_text(memory.weights_bytes + memory.embedding_bytes + memory.head_bytes +
                                       memory.tower_bytes + memory.draft_bytes),
                            bytes_text(memory.activation_bytes + memory.sampler_bytes + memory.cuda_graph_bytes),
                            bytes_text(memory.budget_bytes));
}

}  // namespace ppplan::search
