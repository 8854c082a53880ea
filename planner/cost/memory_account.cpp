#include "planner/cost/memory_account.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "planner/cost/assess.h"

namespace ppplan::cost {
namespace {

constexpr double mebi = 1024.0 * 1024.0;
constexpr double gibi = 1024.0 * mebi;
constexpr int kv_block_tokens = 16;

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

std::int64_t weights(const spec::Plan& plan, const spec::Stage& stage) {
  std::int64_t sum = 0;
  for (int l = stage.first_layer; l < stage.end_layer; ++l)
    sum += spec::weight_bytes(plan.model, plan.model.layers[static_cast<std::size_t>(l)]);
  return sum / plan.parallel.tp;
}

/// Elements per token alive at once on a device while a layer runs.
double widest_layer(const spec::Plan& plan, const spec::Stage& stage) {
  const double tp = plan.parallel.tp;
  double widest = 0;
  for (int l = stage.first_layer; l < stage.end_layer; ++l) {
    const auto& layer = plan.model.layers[static_cast<std::size_t>(l)];
    const auto& a = layer.attention;
    const auto& f = layer.feed_forward;
    const double attention = (2.0 * a.heads + 2.0 * std::max<double>(a.kv_heads, tp)) * a.head_dim / tp;
    const double per_expert = f.kind == spec::FeedForwardKind::moe ? std::max(1, f.experts_per_token) : 1;
    const double feed_forward = 3.0 * (f.intermediate * per_expert + f.shared_intermediate) / tp;
    widest = std::max({widest, attention, feed_forward});
  }
  return widest;
}

double activation(const spec::Plan& plan, const spec::Stage& stage) {
  const double element = plan.model.dtype == spec::DType::fp32 ? 4 : 2;
  double sum =
      plan.micro_batching.max_num_batched_tokens * element * (2.0 * plan.model.hidden + widest_layer(plan, stage));
  if (stage.end_layer == static_cast<int>(plan.model.layers.size()))
    sum += static_cast<double>(plan.micro_batching.max_num_seqs) * plan.model.vocabulary * 10.0;
  return sum;
}

int captured_sizes(int max_num_seqs) {
  const int largest = std::min(2 * max_num_seqs, 512);
  int sizes = 0;
  for (int size = 1; size <= largest; size += size < 4 ? size : size < 8 ? 4 : size < 256 ? 8 : 16) ++sizes;
  return sizes;
}

double kv_bytes_per_token(const spec::Plan& plan, const spec::Stage& stage) {
  double sum = 0;
  for (int l = stage.first_layer; l < stage.end_layer; ++l) {
    const auto& layer = plan.model.layers[static_cast<std::size_t>(l)];
    const double heads = std::max(1.0, static_cast<double>(layer.attention.kv_heads / plan.parallel.tp));
    sum += heads / layer.attention.kv_heads * static_cast<double>(spec::kv_bytes_per_token(plan.model, layer));
  }
  return sum;
}

std::int64_t request_kv_bytes(const spec::Plan& plan, const spec::Stage& stage) {
  const double blocks = std::ceil(static_cast<double>(plan.max_model_len) / kv_block_tokens);
  return bytes(blocks * kv_block_tokens * kv_bytes_per_token(plan, stage));
}

void add_ends(const spec::Plan& plan, const spec::Stage& stage, spec::StageMemory& memory) {
  if (stage.embedding) memory.embedding_bytes = spec::embedding_bytes(plan.model) / plan.parallel.tp;
  const bool shared = plan.model.tied_embedding && stage.embedding;
  if (stage.head && !shared) memory.head_bytes = spec::head_bytes(plan.model) / plan.parallel.tp;
}

}  // namespace

spec::StageMemory stage_memory(const spec::Plan& plan, const spec::Stage& stage) {
  spec::StageMemory memory;
  const bool host = on_host(plan, stage);
  const int devices = plan.parallel.tp * plan.parallel.pp * plan.parallel.dp;
  memory.budget_bytes = smallest(plan, stage, [&](const spec::Device& device) {
    return static_cast<std::int64_t>(plan.gpu_memory_utilization * static_cast<double>(device.memory_bytes));
  });
  memory.weights_bytes = weights(plan, stage);
  add_ends(plan, stage, memory);
  memory.activation_bytes = bytes(activation(plan, stage));
  if (!host) {
    const int layers = stage.end_layer - stage.first_layer;
    memory.cuda_graph_bytes = bytes(0.15 * mebi * layers * captured_sizes(plan.micro_batching.max_num_seqs));
    memory.other_bytes = bytes(0.55 * gibi + (devices > 1 ? 0.38 * gibi : 0));
  }
  memory.kv_bytes = memory.budget_bytes - memory.weights_bytes - memory.embedding_bytes - memory.head_bytes -
                    memory.activation_bytes - memory.cuda_graph_bytes;
  const std::int64_t outside = smallest(plan, stage, [&](const spec::Device& device) {
    return device.free_bytes -
           static_cast<std::int64_t>(plan.gpu_memory_utilization * static_cast<double>(device.memory_bytes));
  });
  memory.margin_bytes = std::min(memory.kv_bytes - request_kv_bytes(plan, stage), outside - memory.other_bytes);
  memory.uncertainty_bytes =
      bytes((host ? 0 : 0.25 * gibi) + 0.01 * static_cast<double>(memory.weights_bytes) +
            0.30 * static_cast<double>(memory.activation_bytes + memory.cuda_graph_bytes + memory.other_bytes));
  return memory;
}

std::int64_t stage_kv_tokens(const spec::Plan& plan, const spec::Stage& stage, const spec::StageMemory& memory) {
  if (memory.kv_bytes <= 0) return 0;
  const double block_bytes = kv_block_tokens * kv_bytes_per_token(plan, stage);
  return static_cast<std::int64_t>(static_cast<double>(memory.kv_bytes) / block_bytes) * kv_block_tokens;
}

spec::Verdict verdict_of(const spec::StageMemory& memory) {
  if (std::abs(memory.margin_bytes) < memory.uncertainty_bytes) return spec::Verdict::tight;
  return memory.margin_bytes >= 0 ? spec::Verdict::fits : spec::Verdict::oom;
}

void assess_memory(spec::Plan& plan) {
  plan.verdict = spec::Verdict::fits;
  plan.predicted.kv_tokens = std::numeric_limits<std::int64_t>::max();
  std::int64_t least_margin = std::numeric_limits<std::int64_t>::max();
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    spec::Stage& stage = plan.stages[s];
    stage.memory = stage_memory(plan, stage);
    stage.kv_tokens = stage_kv_tokens(plan, stage, stage.memory);
    stage.verdict = verdict_of(stage.memory);
    plan.verdict = std::max(plan.verdict, stage.verdict);
    plan.predicted.kv_tokens = std::min(plan.predicted.kv_tokens, stage.kv_tokens);
    if (stage.memory.margin_bytes < least_margin) {
      least_margin = stage.memory.margin_bytes;
      plan.predicted.limiting_stage = static_cast<int>(s);
    }
  }
}

}  // namespace ppplan::cost
