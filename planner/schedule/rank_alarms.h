// One time for every rank at which it wants to be looked at, and the earliest of all: a tournament whose every match is
// kept, so that a change replays one match a level and nothing is moved. A queue of events takes three times as long.
#pragma once

#include <algorithm>
#include <bit>
#include <limits>
#include <vector>

namespace ppplan::schedule {

class RankAlarms {
 public:
  static constexpr double never = std::numeric_limits<double>::infinity();

  explicit RankAlarms(int ranks)
      : leaves_(std::bit_ceil(static_cast<std::size_t>(std::max(1, ranks)))), earliest_(2 * leaves_, never) {}

  double at(int rank) const { return earliest_[leaves_ + static_cast<std::size_t>(rank)]; }

  /// Replaces the rank's time; `never` takes it away.
  void set(int rank, double time_s) {
    std::size_t node = leaves_ + static_cast<std::size_t>(rank);
    earliest_[node] = time_s;
    for (node /= 2; node > 0; node /= 2) earliest_[node] = std::min(earliest_[2 * node], earliest_[2 * node + 1]);
  }

  double earliest() const { return earliest_[1]; }

  /// The lowest rank of those with the earliest time; one that is not there when that is `never`.
  int first() const {
    std::size_t node = 1;
    while (node < leaves_) node = 2 * node + (earliest_[2 * node] == earliest_[1] ? 0 : 1);
    return static_cast<int>(node - leaves_);
  }

 private:
  std::size_t leaves_;
  std::vector<double> earliest_;  // [node]: of its subtree; node 1 is the root, the ranks are the leaves
};

}  // namespace ppplan::schedule
