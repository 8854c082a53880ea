#include <cmath>

#include "kernels/host/variant.h"

namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT {

namespace {

bool taken(const int* expert, int count, int candidate) {
  for (int i = 0; i < count; ++i) {
    if (expert[i] == candidate) return true;
  }
  return false;
}

int largest_left(const float* logits, int experts, const int* expert, int count) {
  int best = -1;
  for (int candidate = 0; candidate < experts; ++candidate) {
    if (taken(expert, count, candidate)) continue;
    if (best < 0 || logits[candidate] > logits[best]) best = candidate;
  }
  return best;
}

}  // namespace

void route(const float* logits, int tokens, int experts, int chosen, int* expert, float* weight) {
  for (int token = 0; token < tokens; ++token, logits += experts, expert += chosen, weight += chosen) {
    float sum = 0;
    for (int rank = 0; rank < chosen; ++rank) {
      expert[rank] = largest_left(logits, experts, expert, rank);
      weight[rank] = std::exp(logits[expert[rank]] - logits[expert[0]]);
      sum += weight[rank];
    }
    for (int rank = 0; rank < chosen; ++rank) weight[rank] /= sum;
  }
}

}  // namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT
