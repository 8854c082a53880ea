// The candidates of one (tp, pp, dp): all micro-batching settings with the first partitions, then the best settings
// with partitions of every kind, then one-layer moves around the best one. Where devices differ this is done for the
// orders that look best with one setting and the partition that suits each. Memory is assessed before times, so what
// does not fit costs microseconds.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "planner/search/candidate.h"
#include "planner/search/factorizations.h"

namespace ppplan::search {

struct Outcome {
  Factorization factorization;
  std::vector<Candidate> candidates;       // that fit and keep the limits, best first
  std::optional<Candidate> least_short;    // of those that do not fit
  std::optional<Candidate> nearest_limit;  // of those over a limit of time
};

class Explorer {
 public:
  /// Every candidate is counted once: enumerated, and either pruned by reason or evaluated.
  Explorer(const Question& question, Counts& counts, const std::atomic<bool>& stop);

  Outcome explore(const Factorization& factorization, const std::function<void()>& setting_done);
  /// How often explore calls setting_done.
  std::size_t settings_of(const Factorization& factorization) const;

 private:
  void prune(const std::string& reason);
  void explore_order(const std::vector<spec::MicroBatching>& settings, Outcome& outcome,
                     const std::function<void()>& setting_done);
  std::vector<DeviceOrder> promising_orders(const spec::Parallel& parallel, const spec::MicroBatching& setting);
  double promise(const spec::Parallel& parallel, const spec::MicroBatching& setting, const DeviceOrder& order);
  void try_setting(const spec::MicroBatching& setting, Outcome& outcome);
  void try_thoroughly(const Candidate& base, Outcome& outcome);
  void try_moves(const Candidate& base, Outcome& outcome);
  void consider(spec::Plan& plan, const std::vector<int>& partition, Outcome& outcome);
  void keep_least_short(const Candidate& candidate, Outcome& outcome) const;
  bool keeps_limits(Candidate& candidate, Outcome& outcome);
  std::vector<Candidate> best_by_setting(const Outcome& outcome, std::size_t count) const;

  const Question& question_;
  Counts& counts_;
  const std::atomic<bool>& stop_;
  DeviceOrder order_;                                      // at hand
  std::set<std::tuple<int, int, std::vector<int>>> seen_;  // of the factorization and order at hand
};

}  // namespace ppplan::search
