#include "planner/engines/scale_groups.h"

#include <fmt/format.h>

#include <algorithm>

#include "planner/catalog/catalog.h"
#include "planner/engines/vllm_version.h"

namespace ppplan::engines {
namespace {

using spec::DType;
using spec::ScaleGroup;

/// Experts in other formats than fp8 fall back to kernels that halve their groups, down to this (moe_wna16.py, since
/// 0.7.3).
constexpr int least_group_of_experts = 32;

/// Of matrices in `dtype`; slices of plain ones may end anywhere.
ScaleGroup group_of(const spec::ModelSpec& model, DType dtype) {
  return dtype == model.activation_dtype ? ScaleGroup{} : model.scale_group;
}

std::string fault(int whole, const char* what, int tp, int slice, int group) {
  if (slice % group == 0) return "";
  return fmt::format("{} {} make slices of {} over {} ranks, not whole groups of {} quantized weights", whole, what,
                     slice, tp, group);
}

/// Gate and up are cut along their outputs, down along its inputs: the same columns.
std::string columns_fault(const ScaleGroup& group, int columns, const char* what, int tp) {
  const std::string outputs = fault(columns, what, tp, columns / tp, group.outputs);
  return outputs.empty() ? fault(columns, what, tp, columns / tp, group.inputs) : outputs;
}

/// Whether keys may end inside of a group: a matrix beside others, whose outputs newer versions don't look at (fp8).
bool keys_may_straddle(DType dtype, const std::string& version) {
  if (dtype != DType::fp8) return false;
  const std::string since = catalog::vllm().root().at("merged_fp8_blocks").at("may_straddle_since").text();
  return version.empty() || vllm_version(version) >= vllm_version(since);
}

std::string attention_fault(const ScaleGroup& group, const spec::Attention& attention, int tp, bool straddle) {
  if (attention.kind == spec::AttentionKind::mla || attention.kind == spec::AttentionKind::linear ||
      attention.kind == spec::AttentionKind::none)
    return "";
  const int queries = attention.heads * attention.head_dim;
  const std::string query = columns_fault(group, queries, "columns of queries", tp);
  if (!query.empty() || straddle) return query;
  const int keys = attention.kv_heads * attention.head_dim;
  return fault(keys, "columns of keys", tp, spec::kv_heads_of_rank(attention, tp) * attention.head_dim, group.outputs);
}

std::string experts_fault(const spec::ModelSpec& model, int columns, int tp) {
  ScaleGroup group = group_of(model, model.expert_dtype);
  if (model.expert_dtype != DType::fp8) group.inputs = std::min(group.inputs, least_group_of_experts);
  const std::string found = columns_fault(group, columns, "columns of each expert", tp);
  return found.empty() ? "" : found + "; expert parallelism (--enable-expert-parallel) keeps experts whole";
}

}  // namespace

std::string scale_group_fault(const spec::ModelSpec& model, const spec::Layer& layer, int tp, bool expert_parallel,
                              const std::string& version) {
  const std::string attention = attention_fault(group_of(model, model.attention_dtype), layer.attention, tp,
                                                keys_may_straddle(model.attention_dtype, version));
  if (!attention.empty()) return attention;
  const spec::FeedForward& block = layer.feed_forward;
  const ScaleGroup group = group_of(model, model.dtype);
  if (block.kind == spec::FeedForwardKind::dense)
    return columns_fault(group, block.intermediate, "columns of the feed-forward block", tp);
  if (block.kind != spec::FeedForwardKind::moe) return "";
  const std::string shared = columns_fault(group, block.shared_intermediate, "columns of the shared expert", tp);
  return shared.empty() && !expert_parallel ? experts_fault(model, block.intermediate, tp) : shared;
}

}  // namespace ppplan::engines
