// Which ranks of a vLLM deployment talk to each other. Ranks are numbered row-major over
// ExternalDP x DP x PP x PCP x TP, the last fastest. Source: vllm/distributed/parallel_state.py
// initialize_model_parallel.
#pragma once

#include <vector>

namespace ppplan::engines {

/// Sizes of the axes, each at least 1. External data parallelism counts separate deployments, pcp prefill context
/// parallelism.
struct RankLayout {
  int external_dp = 1;
  int dp = 1;
  int pp = 1;
  int pcp = 1;
  int tp = 1;
  bool operator==(const RankLayout&) const = default;
};

/// [group][position] -> rank, groups in vLLM's order.
using Groups = std::vector<std::vector<int>>;

struct RankGroups {
  Groups tp;
  Groups pcp;
  Groups pp;  // a pipeline: its ranks by stage
  Groups dp;
  Groups ep;  // experts are spread over all of dp x pcp x tp of one stage
  bool operator==(const RankGroups&) const = default;
};

/// Throws InputError for a size below 1 or more than 2^20 ranks.
RankGroups rank_groups(const RankLayout& layout);

/// Neighbours of a rank in its pipeline, cyclic: the first stage's predecessor is the last stage.
struct PipelineNeighbours {
  int previous = 0;
  int next = 0;
  bool operator==(const PipelineNeighbours&) const = default;
};
PipelineNeighbours pipeline_neighbours(const RankLayout& layout, int rank);

/// The rank within one replica whose output the engine reads: tensor-parallel rank 0 of the last stage.
int output_rank(const RankLayout& layout);

}  // namespace ppplan::engines
