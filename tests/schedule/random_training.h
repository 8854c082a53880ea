// Random sizes, costs and memory limits of a training step.
#pragma once

#include <random>
#include <vector>

#include "planner/schedule/training_costs.h"

namespace ppplan::tests {

using TrainingRandom = std::mt19937;

inline int draw(TrainingRandom& random, int low, int high) {
  return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
}

/// Unequal stages, some weight gradients without cost; a transfer takes no longer than the shortest action, so that
/// none waits for the one before it on its link.
inline schedule::TrainingCosts random_training(TrainingRandom& random, int stages) {
  schedule::TrainingCosts costs;
  const double send_s = draw(random, 0, 2) * 0.5;
  for (int s = 0; s < stages; ++s)
    costs.stages.push_back({1.0 * draw(random, 1, 9), 1.0 * draw(random, 1, 9), 1.0 * draw(random, 0, 9), send_s,
                            0.5 * draw(random, 1, 4)});
  costs.released_by_input_gradient = 0.25 * draw(random, 0, 4);
  return costs;
}

/// Room for one to `most` micro-batches on each rank, or now and then no limit.
inline std::vector<double> random_limit(TrainingRandom& random, int ranks, const schedule::TrainingCosts& costs,
                                        int most) {
  if (draw(random, 0, 4) == 0) return {};
  double largest = 0;
  for (const auto& stage : costs.stages) largest = std::max(largest, stage.activation);
  const double chunks = static_cast<double>(costs.stages.size()) / ranks;
  std::vector<double> limit;
  for (int r = 0; r < ranks; ++r) limit.push_back(largest * chunks * (1 + draw(random, 0, 2 * most) * 0.5));
  return limit;
}

}  // namespace ppplan::tests
