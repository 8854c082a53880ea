// Where stages 0..s can end, all together, if no stage may take longer than a given bottleneck.
//
// R[0] = {0}, R[s+1] = union over b in R[s] of {b+1, ..., reach_s(b)}. Taking as much as possible (one end per stage)
// is not exact: every stage takes at least one block, and a slow or small stage may be left facing a block that it
// can't take. R[s] is a union of closed intervals, split only behind blocks that are too heavy for stage s; without
// such blocks it is one interval and a probe costs one binary search a stage.
#pragma once

#include <vector>

#include "planner/search/block_table.h"

namespace ppplan::search {

class Reachable {
 public:
  /// Probes below `least_s` are not allowed. The table must outlive this.
  Reachable(const BlockTable& table, double least_s);

  /// Is there a partition whose stages all take at most `bottleneck_s`?
  bool probe(double bottleneck_s);
  /// After a probe that failed: the smallest bottleneck at which any set of ends changes, so that every smaller one
  /// fails too; infinite when only memory or the limit stands in the way.
  double next_s() const { return next_s_; }
  /// After a probe that succeeded: blocks at which stages end, as even as the sets of ends allow going from the last
  /// stage to the first. [stages] values.
  std::vector<int> even_ends() const;
  /// Slowest stage of such ends.
  double slowest_s(const std::vector<int>& ends) const;

 private:
  struct Interval {
    int low = 0;
    int high = 0;
  };
  void advance(int stage, Interval from, int limit);
  void add_run(int stage, int first, int last, int limit);
  int nearest_start(int stage, int wanted, int earliest, int latest) const;
  int even_start(int stage, int end) const;

  struct Share {
    int stages = 0;      // of that kind
    double fixed_s = 0;  // of these stages together
  };
  void add_shares();

  const BlockTable& table_;
  std::vector<std::vector<int>> heavy_;  // [stage]
  std::vector<Share> shares_;            // [stage][kind]: stages 0..stage
  std::vector<Interval> sets_;           // of all stages, one after another
  std::vector<std::size_t> first_;       // [stages + 2] where the set before stage s begins in sets_
  double bottleneck_s_ = 0;
  double next_s_ = 0;
};

}  // namespace ppplan::search
