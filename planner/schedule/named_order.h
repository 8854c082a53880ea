// Training orders by the names that people give them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/schedule/training_order.h"

namespace ppplan::schedule {

struct OrderRequest {
  std::string kind;
  int ranks = 1;
  int micro_batches = 1;
  int chunks = 1;  // stages a rank, of the looped ones
  int group = 0;   // micro-batches of a group of `interleaved` and `group-interleaved`; 0 = their default
};

/// "gpipe", "1f1b", "interleaved", ... in the order in which they are listed to people.
const std::vector<std::string>& order_names();
/// Throws InputError for another name, and where the rule allows no order of those sizes (order_rules.h) or of those
/// chunks: 1 or, of V-shaped and mirrored ones, 2.
TrainingOrder named_order(const OrderRequest& request);

}  // namespace ppplan::schedule
