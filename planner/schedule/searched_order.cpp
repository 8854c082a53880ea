#include "planner/schedule/searched_order.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <future>

#include "planner/input/input_error.h"
#include "planner/schedule/best_order.h"
#include "planner/schedule/building_block.h"
#include "planner/schedule/list_scheduler.h"
#include "planner/schedule/order_layout.h"
#include "planner/schedule/order_zb_auto.h"
#include "planner/schedule/training_times.h"

namespace ppplan::schedule {
namespace {

constexpr double forgiven = 1e-9;  // of a limit, as in RankClocks

std::size_t at(int index) { return static_cast<std::size_t>(index); }

/// A way to make orders, from the request alone.
using Attempt = std::function<void(BestOrder&)>;
using Attempts = std::vector<Attempt>;

/// Tries them all, side by side where that takes less time than to start threads; the outcome is the same.
void try_all(const SearchedRequest& request, const Attempts& attempts, BestOrder& best) {
  constexpr long many = 1 << 14;
  const bool large = long{request.ranks} * request.micro_batches > many;
  std::vector<std::future<BestOrder>> made;
  for (const Attempt& attempt : attempts)
    made.push_back(std::async(large ? std::launch::async : std::launch::deferred, [&] {
      BestOrder own(request.objective);
      attempt(own);
      return own;
    }));
  for (auto& one : made) best.add(one.get());
}

Attempts zb_auto_attempts(const SearchedRequest& request, const TrainingOrder& layout) {
  Attempts out;
  for (int v = 0; v < zb_auto_variants; ++v)
    out.push_back([&, variant = zb_auto_variant(v)](BestOrder& best) {
      RankClocks clocks(layout, request.costs, request.memory_limit);
      zb_auto(clocks, variant);
      best.add(name(variant), clocks);
    });
  return out;
}

/// Repeats a variant with the idle times of the pass before for as long as that helps.
void add_zb_v_variant(const SearchedRequest& request, const TrainingOrder& layout, const std::string& name,
                      ZbVVariant variant, BestOrder& best) {
  for (double most_idle_s = RankClocks::never;;) {
    RankClocks clocks(layout, request.costs, request.memory_limit);
    if (!zb_v(clocks, variant) || clocks.most_idle_s() >= most_idle_s) return;
    most_idle_s = clocks.most_idle_s();
    variant.known_idle_s.clear();
    for (int i = 0; i < request.ranks; ++i) variant.known_idle_s.push_back(clocks.idle_s(i));
    best.add(name, clocks);
  }
}

Attempts zb_v_attempts(const SearchedRequest& request, const TrainingOrder& layout) {
  Attempts out;
  for (const bool forwards : {true, false})
    for (const bool inputs : {true, false})
      out.push_back([&, forwards, inputs](BestOrder& best) {
        add_zb_v_variant(request, layout,
                         std::string("greedy") + (forwards ? ", weight gradients before forwards" : "") +
                             (inputs ? ", weight gradients before input gradients" : ""),
                         {forwards, inputs, {}}, best);
      });
  return out;
}

/// Orders of the list scheduler: they hold no more than the limit at any rank.
void add_lists(Attempts& attempts, const SearchedRequest& request, const TrainingOrder& layout,
               const std::vector<double>& limit) {
  for (const double stretch : {1.0, 1.5})
    attempts.push_back([&, stretch](BestOrder& best) {
      ListRule rule = paced_rule(layout, request.costs, stretch);
      rule.whole_gradients = request.kind == "1f1b-v";
      RankClocks clocks(layout, request.costs, limit);
      list_schedule(clocks, rule);
      best.add(fmt::format("list schedule, stretch {}", stretch), clocks);
    });
}

/// The block, and list schedules that hold as much as the block at most.
void try_block(const SearchedRequest& request, const TrainingOrder& layout, BestOrder& best) {
  TrainingOrder order = request.kind == "v-half"  ? v_half(request.ranks, request.micro_batches)
                        : request.kind == "v-min" ? v_min(request.ranks, request.micro_batches)
                                                  : one_f_one_b_v(request.ranks, request.micro_batches);
  const TrainingTimes times = training_times(order, request.costs);
  best.add({"building block", times.makespan_s, times.span_s, within(times, request.memory_limit)}, std::move(order));
  std::vector<double> limit = times.peak_activations;
  for (std::size_t r = 0; r < request.memory_limit.size(); ++r) limit[r] = std::min(limit[r], request.memory_limit[r]);
  Attempts lists;
  add_lists(lists, request, layout, limit);
  try_all(request, lists, best);
}

}  // namespace

bool within(const TrainingTimes& times, const std::vector<double>& limit) {
  for (std::size_t r = 0; r < limit.size(); ++r)
    if (times.peak_activations[r] > limit[r] * (1 + forgiven)) return false;
  return true;
}

const std::vector<std::string>& searched_names() {
  static const std::vector<std::string> names{"zb-auto", "zb-v", "v-half", "v-min", "1f1b-v"};
  return names;
}

int chunks_of_searched(const std::string& kind) { return kind == "zb-auto" ? 1 : 2; }

namespace {

/// [rank] activations of one micro-batch in all stages of the rank that it passes.
std::vector<double> of_one_micro_batch(const TrainingOrder& layout, const TrainingCosts& costs) {
  std::vector<double> least(layout.ranks.size());
  for (const auto& pipe : layout.pipes) {
    std::vector<double> one(layout.ranks.size());
    for (const int stage : pipe) one[at(layout.rank_of[at(stage)])] += costs.stages[at(stage)].activation;
    for (std::size_t r = 0; r < one.size(); ++r) least[r] = std::max(least[r], one[r]);
  }
  return least;
}

}  // namespace

bool holds_one(const TrainingOrder& layout, const TrainingCosts& costs, const std::vector<double>& limit) {
  const std::vector<double> least = of_one_micro_batch(layout, costs);
  for (std::size_t r = 0; r < limit.size(); ++r)
    if (!(limit[r] * (1 + forgiven) >= least[r])) return false;
  return true;
}

void check_memory_limit(const TrainingOrder& layout, const TrainingCosts& costs, const std::vector<double>& limit) {
  if (limit.empty()) return;
  if (limit.size() != layout.ranks.size())
    throw input::InputError("schedule", "memory limit", fmt::format("one for each of {} ranks", layout.ranks.size()),
                            fmt::format("{}", limit.size()));
  const std::vector<double> least = of_one_micro_batch(layout, costs);
  for (std::size_t r = 0; r < least.size(); ++r)
    if (!(limit[r] * (1 + forgiven) >= least[r]))
      throw input::InputError("schedule", fmt::format("memory limit of rank {}", r),
                              fmt::format("at least {:.6g}, the activations of one micro-batch", least[r]),
                              fmt::format("{:.6g}", limit[r]));
}

SearchedOrder searched_order(const SearchedRequest& request) {
  if (std::ranges::count(searched_names(), request.kind) == 0)
    throw input::InputError("schedule", "kind", fmt::format("one of {}", fmt::join(searched_names(), ", ")),
                            "'" + request.kind + "'");
  const bool one = request.kind == "zb-auto";
  const TrainingOrder layout =
      one ? looped_layout(request.ranks, request.micro_batches, 1) : v_layout(request.ranks, request.micro_batches);
  check_costs(request.costs, static_cast<int>(layout.rank_of.size()));
  check_memory_limit(layout, request.costs, request.memory_limit);
  BestOrder best(request.objective);
  if (request.kind.starts_with("zb-")) {
    Attempts attempts = one ? zb_auto_attempts(request, layout) : zb_v_attempts(request, layout);
    add_lists(attempts, request, layout, request.memory_limit);
    try_all(request, attempts, best);
  } else {
    try_block(request, layout, best);
  }
  return best.take();
}

}  // namespace ppplan::schedule
