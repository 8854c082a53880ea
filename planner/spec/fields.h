// Members that documents hold under their own names, listed once for everything that writes, reads or checks them.
#pragma once

#include <cstdint>
#include <string_view>

#include "planner/spec/cluster_spec.h"
#include "planner/spec/plan.h"

namespace ppplan::spec {

template <typename Owner, typename Value>
struct Field {
  const char* name;
  Value Owner::*member;
};

inline constexpr Field<Device, double> compute_rates[] = {
    {"bf16_flops_per_s", &Device::bf16_flops_per_s}, {"fp16_flops_per_s", &Device::fp16_flops_per_s},
    {"fp8_flops_per_s", &Device::fp8_flops_per_s},   {"int8_flops_per_s", &Device::int8_flops_per_s},
    {"fp4_flops_per_s", &Device::fp4_flops_per_s},
};

/// At least 0.
inline constexpr Field<StageMemory, std::int64_t> memory_sizes[] = {
    {"budget_bytes", &StageMemory::budget_bytes},         {"weights_bytes", &StageMemory::weights_bytes},
    {"embedding_bytes", &StageMemory::embedding_bytes},   {"head_bytes", &StageMemory::head_bytes},
    {"activation_bytes", &StageMemory::activation_bytes}, {"cuda_graph_bytes", &StageMemory::cuda_graph_bytes},
    {"other_bytes", &StageMemory::other_bytes},
};
/// The same, 0 where a document does not state them.
inline constexpr Field<StageMemory, std::int64_t> memory_details[] = {
    {"tower_bytes", &StageMemory::tower_bytes},
    {"draft_bytes", &StageMemory::draft_bytes},
    {"sampler_bytes", &StageMemory::sampler_bytes},
    {"unused_bytes", &StageMemory::unused_bytes},
    {"uncertainty_bytes", &StageMemory::uncertainty_bytes},
    {"kv_uncertainty_bytes", &StageMemory::kv_uncertainty_bytes},
};
/// May be negative: that much is missing.
inline constexpr Field<StageMemory, std::int64_t> memory_balances[] = {
    {"kv_bytes", &StageMemory::kv_bytes},
    {"margin_bytes", &StageMemory::margin_bytes},
};

/// Failure::at, in the order in which a server gets there.
inline constexpr std::string_view failure_places[] = {"weights", "profile", "cuda_graph", "sampler", "kv", "context"};

inline constexpr Field<Predicted, double> predicted_amounts[] = {
    {"output_tokens_per_s", &Predicted::output_tokens_per_s},
    {"total_tokens_per_s", &Predicted::total_tokens_per_s},
    {"ttft_s", &Predicted::ttft_s},
    {"tpot_s", &Predicted::tpot_s},
    {"lower_bound_s", &Predicted::lower_bound_s},
};
inline constexpr Field<Predicted, double> predicted_fractions[] = {
    {"bubble_fraction", &Predicted::bubble_fraction},
    {"balance", &Predicted::balance},
};

}  // namespace ppplan::spec
