// A small model and hand-made clusters for tests of the search, and evaluators that stand in for the simulator.
#pragma once

#include <vector>

#include "planner/search/search.h"

namespace ppplan::search::tests {

/// 12 equal layers unless told; 8 heads, 4 KV heads of 64, hidden 512, vocabulary 32000, bf16.
spec::ModelSpec small_model(int layers = 12);

struct Cards {
  std::string name = "card";
  int count = 4;
  double memory_gib = 8;
  double slowness = 1;
};
/// Cards of every entry in order on one switch each node; `per_node` cards a node (0 = all on one), nodes joined by a
/// network.
spec::ClusterSpec cluster_of(const std::vector<Cards>& cards, int per_node = 0);

/// The small model, 256 + 64 tokens, 32 requests, top 3.
Request small_request(const spec::ClusterSpec& cluster);

/// Searches with roofline costs and an evaluator that answers with the closed form.
Result searched(const Request& request);
Result searched(const Request& request, const Evaluator& evaluator);
/// The closed form under another name.
std::vector<spec::Predicted> as_analytic(std::span<const spec::Plan> plans);

}  // namespace ppplan::search::tests
