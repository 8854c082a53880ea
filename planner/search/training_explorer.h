// The training plans of one (tp, pp, dp): every micro-batch size, rule of a schedule, chunks and recomputation with the
// partition that suits it; then orders that are searched for the costs and the memory of the best of them.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "planner/schedule/training_order.h"
#include "planner/search/training_search.h"

namespace ppplan::search {

/// Names of every schedule that can be asked for, in the order in which they are listed to people.
std::vector<std::string> training_schedules();

class TrainingExplorer {
 public:
  TrainingExplorer(const TrainingRequest& request, cost::CostBook& book, const std::atomic<bool>& stop)
      : request_(request), book_(book), stop_(stop) {}

  struct Outcome {
    std::vector<spec::TrainingPlan> fitting;  // best first, at most `top`
    std::optional<spec::TrainingPlan> least_short;
    std::string reason;  // the first one for which something was pruned
  };
  Outcome explore(const spec::Parallel& parallel);
  /// A size that is not explored at all.
  Outcome refuse(const std::string& kind, const std::string& reason);
  /// enumerated = evaluated + the sum of pruned.
  const Counts& counts() const { return counts_; }

 private:
  struct BatchSetting {
    int sequences = 1;
    bool recompute = false;
    auto operator<=>(const BatchSetting&) const = default;
  };
  void prune(const std::string& reason, Outcome& out);
  std::vector<BatchSetting> batch_settings(const spec::Parallel& parallel, Outcome& out);
  spec::TrainingSettings settings(const spec::Parallel& parallel, const BatchSetting& batch,
                                  const std::string& schedule, int chunks) const;
  std::vector<spec::TrainingSettings> rule_settings(const spec::Parallel& parallel, const BatchSetting& batch) const;
  std::optional<schedule::TrainingOrder> order_of(const spec::Parallel& parallel,
                                                  const spec::TrainingSettings& settings, Outcome& out);
  /// A draft with its partition; nothing, counted, when there is none.
  std::optional<spec::TrainingPlan> drafted(const spec::Parallel& parallel, const spec::TrainingSettings& settings,
                                            const schedule::TrainingOrder& order, Outcome& out);
  void try_rule(const spec::Parallel& parallel, const spec::TrainingSettings& settings, Outcome& out);
  void lighten(spec::TrainingPlan& plan, const schedule::TrainingOrder& order);
  std::vector<BatchSetting> worth_searching(const std::vector<BatchSetting>& all, const Outcome& out) const;
  void search_orders(const spec::Parallel& parallel, const BatchSetting& batch, Outcome& out);
  void search_order(const spec::Parallel& parallel, const spec::TrainingSettings& settings, Outcome& out);
  void search_automatically(const spec::Parallel& parallel, const BatchSetting& batch, Outcome& out);
  /// Whether the request wants this schedule and no other.
  bool asks_for(const std::string& schedule) const { return request_.schedule && *request_.schedule == schedule; }
  /// Whether it names a schedule that rules give; "auto" looks at them all.
  bool pinned() const { return request_.schedule && !asks_for("auto"); }
  Outcome named_automatically(Outcome named) const;
  static void keep_best_of_each_batch(Outcome& out);
  int most_chunks_of_auto(const spec::Parallel& parallel) const;
  void keep(const spec::TrainingPlan& plan, Outcome& out) const;

  const TrainingRequest& request_;
  cost::CostBook& book_;
  const std::atomic<bool>& stop_;
  Counts counts_;
};

}  // namespace ppplan::search
