#include "planner/schedule/auto_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "planner/input/input_error.h"
#include "planner/schedule/best_order.h"
#include "planner/schedule/list_scheduler.h"
#include "planner/schedule/named_order.h"
#include "planner/schedule/order_improvement.h"
#include "planner/schedule/order_layout.h"
#include "planner/schedule/training_bound.h"

namespace ppplan::schedule {
namespace {

using Clock = std::chrono::steady_clock;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// Actions that the random rules and the local search place at most: seconds of work, the same on every machine.
constexpr double placed_by_rules = 4e6, placed_by_moves = 6e7;
constexpr int most_rules = 1000, moves_per_action = 300;  // short steps are searched through sooner
constexpr double time_of_rules = 0.3;                     // of the time limit; the moves have the rest

/// One way to give stages to ranks, and the best order on it.
struct Layout {
  std::string name;
  TrainingOrder stages;  // without actions
  TrainingCosts costs;
  BestOrder best;
  ListRule rule;          // of the best list schedule
  Candidate rule_length;  // and its lengths
};

class AutoSearch {
 public:
  explicit AutoSearch(const AutoRequest& request)
      : r_(request), start_(Clock::now()), deadline_(deadline(1)), random_(request.seed) {}

  AutoOrder run() {
    add_layouts();
    for (Layout& layout : layouts_) try_named(layout);
    for (Layout& layout : layouts_) try_searched(layout);
    for (Layout& layout : layouts_) try_rules(layout);
    for (Layout& layout : layouts_) vary_rules(layout);
    improve();
    return result();
  }

 private:
  /// When that part of the time is over.
  Clock::time_point deadline(double part) const {
    constexpr double longest_s = 1e6;
    const std::chrono::duration<double> seconds(part * std::min(r_.time_limit_s, longest_s));
    return start_ + std::chrono::duration_cast<Clock::duration>(seconds);
  }

  bool late() const { return Clock::now() > deadline_; }
  /// Whether no order of the layout can be shorter than the best so far.
  bool hopeless(const Layout& layout) const {
    double best_s = RankClocks::never;
    for (const Layout& other : layouts_)
      if (!other.best.empty()) best_s = std::min(best_s, length(other.best.best()));
    return bound(layout) * (1 + 1e-12) >= best_s;
  }
  double length(const Candidate& c) const { return r_.objective == Objective::span ? c.span_s : c.makespan_s; }
  double bound(const Layout& layout) const {
    const TrainingBound b = training_bound(layout.stages, layout.costs, r_.memory_limit);
    return r_.objective == Objective::span ? b.span_s : b.makespan_s;
  }

  void add_layouts() {
    for (int v = 1; v <= r_.chunks; ++v) {
      if (r_.only_divisors && r_.chunks % v != 0) continue;
      const auto costs = regrouped(r_.costs, r_.ranks, r_.chunks, v);
      if (!costs) {
        not_tried_.push_back(
            fmt::format("{} chunks a rank: {} unequal stages do not group into them", v, r_.costs.stages.size()));
        continue;
      }
      add_layout(fmt::format("{} stage{} a rank", v, v > 1 ? "s" : ""), looped_layout(r_.ranks, r_.micro_batches, v),
                 *costs);
      if (v == 2) add_layout("V of 2 stages a rank", v_layout(r_.ranks, r_.micro_batches), *costs);
    }
    add_mirrored();
  }

  /// Two pipes of one stage a rank, with the weights twice.
  void add_mirrored() {
    const int p = r_.ranks, m = r_.micro_batches;
    if (r_.chunks < 2 || !r_.mirrored) return;
    auto costs = regrouped(r_.costs, p, r_.chunks, 1);
    if (p % 2 != 0 || m % 2 != 0 || m < 2 * p)
      return not_tried_.push_back(
          "dualpipe: it takes an even number of ranks and at least twice as many micro-batches");
    const std::vector<StageTraining> once = costs->stages;
    costs->stages.insert(costs->stages.end(), once.begin(), once.end());
    add_layout("two mirrored pipes", mirrored_layout(p, m), *costs);
  }

  void add_layout(const std::string& name, TrainingOrder stages, const TrainingCosts& costs) {
    layouts_.push_back({name, std::move(stages), costs, BestOrder(r_.objective), {}, {}});
  }

  bool is_v(const Layout& layout) const { return layout.name.front() == 'V'; }
  int chunks(const Layout& layout) const { return static_cast<int>(layout.stages.rank_of.size()) / r_.ranks; }

  /// Named orders that live on the layout.
  std::vector<OrderRequest> named_on(const Layout& layout) {
    const int p = r_.ranks, m = r_.micro_batches, v = chunks(layout);
    if (layout.stages.pipes.size() > 1) return {{"dualpipe", p, m, 2}};
    if (is_v(layout)) {
      std::vector<OrderRequest> out{{"zbv-torch", p, m, 2}};
      if (m >= 2 * p)
        out.push_back({"dualpipev", p, m, 2});
      else
        not_tried_.push_back("dualpipev: it takes at least twice as many micro-batches as ranks");
      return out;
    }
    std::vector<OrderRequest> out;
    if (v == 1)
      for (const char* kind : {"gpipe", "1f1b", "zb-h1", "zb-h2"}) out.push_back({kind, p, m, 1});
    out.push_back({"looped-bfs", p, m, v});
    for (const int group : {p, m / std::max(1, m / p), m}) out.push_back({"interleaved", p, m, v, std::max(p, group)});
    for (int group = (p + 1) / 2; group <= p; ++group) out.push_back({"group-interleaved", p, m, v, group});
    return out;
  }

  void try_named(Layout& layout) {
    for (const OrderRequest& request : named_on(layout)) {
      const std::string name =
          request.group > 0 ? fmt::format("{} in groups of {}", request.kind, request.group) : request.kind;
      // The usual groups are tried whatever the time, so that none of the named orders is better.
      if (late() && request.group > 0 && request.group != r_.ranks && request.group != (r_.ranks + 1) / 2) {
        skip(layout, name);
        continue;
      }
      try_order(layout, full_name(layout, name), named_order(request));
    }
  }

  /// `name` says the layout, too.
  void try_order(Layout& layout, const std::string& name, TrainingOrder order) {
    const TrainingTimes times = training_times(order, layout.costs);
    layout.best.add({name, times.makespan_s, times.span_s, within(times, r_.memory_limit)}, std::move(order));
  }

  std::string full_name(const Layout& layout, const std::string& name) const { return name + " (" + layout.name + ")"; }
  void skip(const Layout& layout, const std::string& name) {
    not_tried_.push_back(full_name(layout, name) + ": the time limit was over");
  }

  bool has_room(const Layout& layout) const {
    return layout.stages.pipes.size() == 1 && holds_one(layout.stages, layout.costs, r_.memory_limit);
  }

  void try_searched(Layout& layout) {
    if (!has_room(layout)) return;
    for (const std::string& kind : searched_names()) {
      const bool here = chunks_of_searched(kind) == 1 ? chunks(layout) == 1 : is_v(layout);
      if (!here) continue;
      SearchedOrder found =
          searched_order({kind, r_.ranks, r_.micro_batches, layout.costs, r_.memory_limit, r_.objective});
      for (const Candidate& c : found.tried)
        if (c.name == found.winner) {
          layout.best.add({full_name(layout, kind), c.makespan_s, c.span_s, c.fits}, std::move(found.order));
          break;
        }
    }
  }

  void try_rule(Layout& layout, const std::string& name, const ListRule& rule) {
    RankClocks clocks(layout.stages, layout.costs, r_.memory_limit);
    list_schedule(clocks, rule);
    const Candidate candidate{full_name(layout, name), clocks.makespan_s(), clocks.span_s(), true};
    if (layout.rule.patience.empty() || !shorter(r_.objective, layout.rule_length, candidate)) {
      layout.rule = rule;
      layout.rule_length = candidate;
    }
    layout.best.add(candidate, clocks.take());
  }

  void try_rules(Layout& layout) {
    if (!has_room(layout) || (!layout.best.empty() && hopeless(layout))) return;
    int left_out = 0;
    for (const double stretch : {1.0, 0.0, 0.5, 1.25, 1.5, 2.0, 3.0})
      for (const double patience : {1.0, 0.5, 0.0})
        for (const double hold : {0.0, 0.5}) {
          ListRule rule = stretch > 0 ? paced_rule(layout.stages, layout.costs, stretch)
                                      : gradients_first_rule(layout.stages, layout.costs);
          rule.patience.assign(at(r_.ranks), patience);
          rule.hold = hold;
          // One is tried whatever the time: it always fits.
          if (late() && !layout.best.empty())
            ++left_out;
          else
            try_rule(layout, fmt::format("list schedule, stretch {}, patience {}, hold {}", stretch, patience, hold),
                     rule);
        }
    if (left_out > 0) skip(layout, fmt::format("{} list schedules", left_out));
  }

  double random() { return static_cast<double>(random_() >> 11) * 0x1p-53; }

  /// The best rule so far with a few keys moved and a few ranks more or less patient.
  ListRule varied(const ListRule& rule) {
    ListRule out = rule;
    const double size = out.period_s * std::pow(4.0, random() * 3 - 2);
    for (auto* keys : {&out.forward_key, &out.input_key})
      for (double& key : *keys)
        if (random() < 0.3) key += size * (random() * 2 - 1);
    for (double& patience : out.patience)
      if (random() < 0.2) patience = random() < 0.5 ? random() : std::round(random());
    if (random() < 0.2) out.hold = random();
    return out;
  }

  void vary_rules(Layout& layout) {
    if (layout.rule.patience.empty() || hopeless(layout)) return;
    const double size = 3.0 * static_cast<double>(layout.stages.rank_of.size()) * r_.micro_batches;
    const int count =
        std::min(most_rules, static_cast<int>(placed_by_rules / size / static_cast<double>(layouts_.size())));
    const Clock::time_point until = deadline(time_of_rules);
    for (int k = 0; k < count && !hopeless(layout); ++k) {
      if (Clock::now() > until) return skip(layout, fmt::format("{} of {} varied list schedules", count - k, count));
      RankClocks clocks(layout.stages, layout.costs, r_.memory_limit);
      const ListRule rule = varied(layout.rule);
      list_schedule(clocks, rule);
      const Candidate candidate{full_name(layout, "varied list schedule"), clocks.makespan_s(), clocks.span_s(), true};
      if (shorter(r_.objective, layout.rule_length, candidate)) continue;
      layout.rule = rule;
      layout.rule_length = candidate;
      if (layout.best.empty() || shorter(r_.objective, candidate, layout.best.best()))
        layout.best.add(candidate, clocks.take());
    }
  }

  /// Local search from the best order of every layout that may still win.
  void improve() {
    std::vector<Layout*> open;
    for (Layout& layout : layouts_)
      if (!layout.best.empty()) open.push_back(&layout);
    std::ranges::sort(
        open, [&](const Layout* a, const Layout* b) { return shorter(r_.objective, a->best.best(), b->best.best()); });
    for (std::size_t i = 0; i < open.size(); ++i) {
      Layout& layout = *open[i];
      if (hopeless(layout)) continue;
      std::size_t actions = 0;
      for (const auto& rank : layout.best.order().ranks) actions += rank.size();
      const auto moves =
          static_cast<std::int64_t>(std::min(static_cast<double>(moves_per_action * actions),
                                             placed_by_moves / static_cast<double>(actions * open.size())));
      const double share = static_cast<double>(i + 1) / static_cast<double>(open.size());
      const Clock::time_point until = deadline(time_of_rules + (1 - time_of_rules) * share);
      Improvement better = improved(layout.best.order(), layout.costs, r_.memory_limit, r_.objective,
                                    {moves, until, bound(layout), r_.seed});
      if (better.cut_short)
        not_tried_.push_back(fmt::format("{} of {} moves of the local search ({}): the time limit was over",
                                         moves - better.moves, moves, layout.name));
      try_order(layout, "local search from " + layout.best.best().name, std::move(better.order));
    }
  }

  AutoOrder result() {
    AutoOrder out;
    Layout* winner = nullptr;
    out.bound_s = RankClocks::never;
    for (Layout& layout : layouts_) {
      out.bound_s = std::min(out.bound_s, bound(layout));
      if (layout.best.empty()) continue;
      if (winner == nullptr || shorter(r_.objective, layout.best.best(), winner->best.best())) winner = &layout;
    }
    out.gap = out.bound_s > 0 ? length(winner->best.best()) / out.bound_s - 1 : 0;
    out.costs = winner->costs;
    out.layout_bound_s = bound(*winner);
    for (Layout& layout : layouts_) {
      const bool won = &layout == winner;
      SearchedOrder best = layout.best.take();
      out.tried.insert(out.tried.end(), best.tried.begin(), best.tried.end());
      if (!won) continue;
      out.order = std::move(best.order);
      out.winner = best.winner;
    }
    out.not_tried = std::move(not_tried_);
    return out;
  }

  const AutoRequest& r_;
  const Clock::time_point start_, deadline_;
  std::mt19937_64 random_;
  std::vector<Layout> layouts_;
  std::vector<std::string> not_tried_;
};

}  // namespace

AutoOrder auto_order(const AutoRequest& request) {
  const TrainingOrder finest = looped_layout(request.ranks, request.micro_batches, request.chunks);
  check_costs(request.costs, static_cast<int>(finest.rank_of.size()));
  check_memory_limit(finest, request.costs, request.memory_limit);
  if (!(request.time_limit_s >= 0))
    throw input::InputError("schedule", "time limit", "a number of seconds of at least 0",
                            fmt::format("{}", request.time_limit_s));
  return AutoSearch(request).run();
}

}  // namespace ppplan::schedule
