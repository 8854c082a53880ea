// A search request with everything decided that the request left open, checked against the model and the cluster.
#pragma once

#include <string>

#include "planner/search/search.h"

namespace ppplan::search {

struct Question {
  const Request& request;
  cost::CostBook& book;
  std::string vllm;  // version whose rules apply
  int max_model_len =
      0;  // pinned, or the smallest power of two >= input + output tokens, at least 8192, at most the model's
  int layers = 0;
  int devices = 0;
};

/// Throws InputError for values that contradict the model, the cluster or each other; names the flag.
Question question_of(const Request& request, cost::CostBook& book);

}  // namespace ppplan::search
