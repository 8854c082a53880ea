// The exact contiguous partition: cut layers [0, L) into one run per stage so that the slowest stage is as fast as
// possible.
//
//   minimise   max over stages s of  fixed_s[s] + sum of layer_s[kind[s]][l] over the layers l of s
//   such that  every stage has at least one layer, cuts are allowed ones,
//              fixed_bytes[s] + sum of layer_bytes[l] <= capacity_bytes[s]
// Devices of different speed are different rows of layer_s. The order of the stages is given.
// Sums are differences of prefix sums in double: among such values the optimum is exact, to the last bit.
// Method: probes of a bottleneck (reachable.h) between a bound from below (lower_bound.h) and the best partition so
// far; a failed probe lifts the bound to the next value that could change anything, so few probes end it.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace ppplan::search {

struct PartitionProblem {
  std::vector<std::vector<double>> layer_s;    // [kind][layer], finite, >= 0
  std::vector<int> kind;                       // [stage] -> row of layer_s
  std::vector<double> fixed_s;                 // [stage]; empty = 0
  std::vector<double> layer_bytes;             // [layer]; empty = no caps
  std::vector<double> fixed_bytes;             // [stage]; empty = 0
  std::vector<double> capacity_bytes;          // [stage]
  std::vector<std::vector<double>> limited_s;  // [kind][layer], another time of the same layers; empty = no limit
  std::vector<double> fixed_limited_s;         // [stage]; empty = 0
  double limit_s = std::numeric_limits<double>::infinity();
  std::vector<bool> cut_allowed;  // [layer]: may a stage begin at this layer; empty = everywhere; [0] is ignored
};

struct Partition {
  std::vector<int> layers;  // per stage
  double bottleneck_s = 0;
  bool operator==(const Partition&) const = default;
};

/// The optimum, or nothing when no partition satisfies the constraints. Among equal bottlenecks a more even one is
/// preferred where that costs nothing. Throws input::InputError for sizes that disagree, more stages than layers are
/// not an error but infeasible. 10,000 layers over 64 stages take less than a millisecond.
std::optional<Partition> optimal_partition(const PartitionProblem& problem);

/// Slowest stage of a given partition (sizes must fit).
double bottleneck_s(const PartitionProblem& problem, const std::vector<int>& layers);
/// The same of the times that limit_s holds for.
double limited_bottleneck_s(const PartitionProblem& problem, const std::vector<int>& layers);
/// A bound from below that ignores integrality and caps: total work over total speed, and the largest single layer.
double lower_bound_s(const PartitionProblem& problem);

}  // namespace ppplan::search
