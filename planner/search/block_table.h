// The layers as blocks between allowed cuts, with prefix sums: how long a run of blocks takes on a stage and whether it
// fits.
//
//   seconds(s, b, e) = fixed_s[s] + (P[e] - P[b]),   P = prefix sums in double of the row of layer_s that stage s uses
//   bytes(s, b, e)   = fixed_bytes[s] + (M[e] - M[b])
//   limited(s, b, e) = fixed_limited_s[s] + (Q[e] - Q[b]),   Q = prefix sums of the row of limited_s
// All are monotone in b and e even after rounding, which is what the exact search rests on. Runs are half-open [b, e).
#pragma once

#include <vector>

#include "planner/search/partition.h"

namespace ppplan::search {

class BlockTable {
 public:
  /// Throws InputError for sizes that disagree and for values that are negative or not finite.
  explicit BlockTable(const PartitionProblem& problem);

  int blocks() const { return static_cast<int>(first_layer_.size()) - 1; }
  int stages() const { return static_cast<int>(stages_.size()); }
  int kinds() const { return kinds_; }
  int kind(int stage) const { return stages_[static_cast<std::size_t>(stage)].kind; }
  double fixed_s(int stage) const { return stages_[static_cast<std::size_t>(stage)].fixed_s; }
  /// First layer of a block; the number of layers for block blocks().
  int first_layer(int block) const { return first_layer_[static_cast<std::size_t>(block)]; }

  double seconds(int stage, int begin, int end) const {
    const Stage& it = stages_[static_cast<std::size_t>(stage)];
    return it.fixed_s + (row(it.kind)[end] - row(it.kind)[begin]);
  }
  /// Without a limit: 0.
  double limited_s(int stage, int begin, int end) const {
    if (limited_s_.empty()) return 0;
    const Stage& it = stages_[static_cast<std::size_t>(stage)];
    const double* sums = limited_s_.data() + static_cast<std::size_t>(it.kind) * first_layer_.size();
    return it.fixed_limited_s + (sums[end] - sums[begin]);
  }
  /// Memory and the limit, which hold at every bottleneck.
  bool fits_caps(int stage, int begin, int end) const {
    return fits_memory(stage, begin, end) && limited_s(stage, begin, end) <= limit_s_;
  }
  bool fits(int stage, int begin, int end, double bottleneck_s) const {
    return seconds(stage, begin, end) <= bottleneck_s && fits_caps(stage, begin, end);
  }
  /// Largest end <= limit such that [begin, end) fits; `begin` when not even one block does.
  int reach(int stage, int begin, int limit, double bottleneck_s) const;
  /// Smallest begin such that [begin, end) fits; `end` when not even one block does.
  int earliest(int stage, int end, double bottleneck_s) const;
  /// Prefix sums of a row, [blocks() + 1] values.
  const double* row(int kind) const { return prefix_s_.data() + static_cast<std::size_t>(kind) * first_layer_.size(); }
  /// Per stage, ascending, the blocks that alone do not fit it at that bottleneck.
  std::vector<std::vector<int>> heavy_blocks(double bottleneck_s) const;

 private:
  struct Stage {
    int kind = 0;
    double fixed_s = 0;
    double fixed_bytes = 0;
    double capacity_bytes = 0;
    double fixed_limited_s = 0;
  };
  bool fits_memory(int stage, int begin, int end) const {
    const Stage& it = stages_[static_cast<std::size_t>(stage)];
    return !capped_ ||
           it.fixed_bytes + (bytes_[static_cast<std::size_t>(end)] - bytes_[static_cast<std::size_t>(begin)]) <=
               it.capacity_bytes;
  }
  std::vector<double> summed_rows(const std::vector<std::vector<double>>& rows, const char* name) const;
  void read_stages(const PartitionProblem& problem);
  void read_blocks(const PartitionProblem& problem);
  std::vector<int> maybe_heavy(int kind, double bottleneck_s) const;

  std::vector<Stage> stages_;
  std::vector<int> first_layer_;   // [blocks + 1]
  std::vector<double> prefix_s_;   // [kind][blocks + 1]
  std::vector<double> bytes_;      // [blocks + 1], prefix sums; empty without caps
  std::vector<double> limited_s_;  // [kind][blocks + 1], prefix sums; empty without a limit
  double limit_s_ = 0;
  int kinds_ = 0;
  bool capped_ = false;
};

}  // namespace ppplan::search
