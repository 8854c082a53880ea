// Random training steps of every kind of order that there is, named, searched and automatic.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "planner/schedule/auto_order.h"
#include "planner/schedule/named_order.h"
#include "planner/schedule/order_layout.h"
#include "planner/schedule/searched_order.h"
#include "planner/schedule/training_times.h"
#include "tests/schedule/random_training.h"

namespace ppplan::tests {

struct StepSizes {
  int ranks = 1;
  int micro_batches = 1;
  int chunks = 1;  // most stages a rank; kinds that fix their number take that
};

struct RandomOrder {
  std::string kind;
  StepSizes sizes;
  schedule::TrainingOrder order;
  schedule::TrainingCosts costs;
  std::vector<double> limit;  // [rank] of activations; a rule's is what its order holds; empty = none
};

inline std::vector<std::string> order_kinds() {
  std::vector<std::string> kinds = schedule::order_names();
  kinds.insert(kinds.end(), schedule::searched_names().begin(), schedule::searched_names().end());
  kinds.push_back("auto");
  return kinds;
}

/// The nearest sizes that the kind allows: DualPipe takes even ranks and micro-batches, and of those enough.
inline StepSizes allowed_sizes(const std::string& kind, StepSizes sizes) {
  const bool mirrored = kind == "dualpipe";
  if (mirrored) {
    sizes.ranks += sizes.ranks % 2;
    sizes.micro_batches += sizes.micro_batches % 2;
  }
  if (mirrored || kind == "dualpipev") sizes.micro_batches = std::max(sizes.micro_batches, 2 * sizes.ranks);
  if (mirrored || kind == "dualpipev" || kind == "zbv-torch") sizes.chunks = 2;
  if (std::ranges::count(schedule::searched_names(), kind) > 0) sizes.chunks = schedule::chunks_of_searched(kind);
  for (const char* one : {"gpipe", "1f1b", "zb-h1", "zb-h2"})
    if (kind == one) sizes.chunks = 1;
  return sizes;
}

/// Groups of as few micro-batches as the kind allows, or more.
inline int random_group(TrainingRandom& random, const std::string& kind, int ranks) {
  if (kind == "interleaved") return draw(random, 0, 1) == 0 ? 0 : ranks + draw(random, 0, 3);
  if (kind == "group-interleaved") return draw(random, (ranks + 1) / 2, ranks);
  return 0;
}

/// With unequal costs, and limits from one micro-batch on where the kind heeds them. `auto` takes the best that it
/// finds without a search, which is the same on any machine.
inline RandomOrder random_order(TrainingRandom& random, const std::string& kind, StepSizes wanted) {
  RandomOrder out;
  out.kind = kind;
  out.sizes = allowed_sizes(kind, wanted);
  const auto [p, m, chunks] = out.sizes;
  out.costs = random_training(random, p * chunks);
  out.limit = random_limit(random, p, out.costs, 2 * p);
  const auto objective = draw(random, 0, 1) == 0 ? schedule::Objective::barrier : schedule::Objective::span;
  if (kind == "auto") {
    schedule::AutoRequest request{p, m, chunks, out.costs, out.limit, objective, 0};
    schedule::AutoOrder found = auto_order(request);
    out.order = std::move(found.order);
    out.costs = std::move(found.costs);
  } else if (std::ranges::count(schedule::searched_names(), kind) > 0) {
    out.order = schedule::searched_order({kind, p, m, out.costs, out.limit, objective}).order;
  } else {
    out.order = schedule::named_order({kind, p, m, chunks, random_group(random, kind, p)});
    out.limit = training_times(out.order, out.costs).peak_activations;
  }
  return out;
}

}  // namespace ppplan::tests
