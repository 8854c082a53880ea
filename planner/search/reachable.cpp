#include "planner/search/reachable.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ppplan::search {

Reachable::Reachable(const BlockTable& table, double least_s) : table_(table), heavy_(table.heavy_blocks(least_s)) {
  add_shares();
}

void Reachable::add_shares() {
  std::vector<Share> sum(static_cast<std::size_t>(table_.kinds()));
  for (int stage = 0; stage < table_.stages(); ++stage) {
    Share& own = sum[static_cast<std::size_t>(table_.kind(stage))];
    ++own.stages;
    own.fixed_s += table_.fixed_s(stage);
    shares_.insert(shares_.end(), sum.begin(), sum.end());
  }
}

bool Reachable::probe(double bottleneck_s) {
  bottleneck_s_ = bottleneck_s;
  next_s_ = std::numeric_limits<double>::infinity();
  sets_.assign(1, Interval{0, 0});
  first_.assign({0, 1});
  for (int stage = 0; stage < table_.stages(); ++stage) {
    // Leave a block for every later stage.
    const int limit = table_.blocks() - (table_.stages() - 1 - stage);
    const std::size_t begin = first_[static_cast<std::size_t>(stage)];
    const std::size_t end = sets_.size();
    for (std::size_t i = begin; i < end; ++i) advance(stage, sets_[i], limit);
    if (sets_.size() == end) return false;
    first_.push_back(sets_.size());
  }
  return sets_.back().high == table_.blocks();
}

void Reachable::advance(int stage, Interval from, int limit) {
  const auto& heavy = heavy_[static_cast<std::size_t>(stage)];
  const int last = std::min(from.high, limit - 1);
  int first = from.low;
  for (auto it = std::lower_bound(heavy.begin(), heavy.end(), first); it != heavy.end() && *it <= last; ++it) {
    if (table_.fits(stage, *it, *it + 1, bottleneck_s_)) continue;
    if (table_.fits_caps(stage, *it, *it + 1)) next_s_ = std::min(next_s_, table_.seconds(stage, *it, *it + 1));
    add_run(stage, first, *it - 1, limit);
    first = *it + 1;
  }
  add_run(stage, first, last, limit);
}

// Starts first..last all take at least one block, so their ends join into one interval.
void Reachable::add_run(int stage, int first, int last, int limit) {
  if (first > last) return;
  const int end = table_.reach(stage, last, limit, bottleneck_s_);
  if (end < limit && table_.fits_caps(stage, last, end + 1))
    next_s_ = std::min(next_s_, table_.seconds(stage, last, end + 1));
  if (sets_.size() > first_.back() && first + 1 <= sets_.back().high + 1)
    sets_.back().high = std::max(sets_.back().high, end);
  else
    sets_.push_back({first + 1, end});
}

double Reachable::slowest_s(const std::vector<int>& ends) const {
  double slowest = 0;
  int begin = 0;
  for (int stage = 0; stage < table_.stages(); ++stage) {
    const int end = ends[static_cast<std::size_t>(stage)];
    slowest = std::max(slowest, table_.seconds(stage, begin, end));
    begin = end;
  }
  return slowest;
}

// The start at which stages 0..stage would share blocks [0, end) with equal times if blocks could be split: from
//   sum over stages of (T - fixed) / W[kind] = 1,  W = seconds of all those blocks on that kind.
int Reachable::even_start(int stage, int end) const {
  double work = 1;
  double speed = 0;
  for (int kind = 0; kind < table_.kinds(); ++kind) {
    const Share& share = shares_[static_cast<std::size_t>(stage * table_.kinds() + kind)];
    if (share.stages == 0) continue;
    const double all_s = table_.row(kind)[end] - table_.row(kind)[0];
    if (!(all_s > 0)) return end - std::max(1, end / (stage + 1));
    work += share.fixed_s / all_s;
    speed += share.stages / all_s;
  }
  const double even_s = work / speed;
  int low = 0;
  int high = end - 1;
  while (low < high) {
    const int middle = low + (high - low) / 2;
    if (table_.seconds(stage, middle, end) <= even_s)
      high = middle;
    else
      low = middle + 1;
  }
  const bool one_more =
      low > 0 && table_.seconds(stage, low - 1, end) - even_s < even_s - table_.seconds(stage, low, end);
  return one_more ? low - 1 : low;
}

// The set before a stage always holds a start in [earliest, latest] when its end was reachable: the largest start below
// the end works whenever any does, for less work fits wherever more does.
int Reachable::nearest_start(int stage, int wanted, int earliest, int latest) const {
  int best = -1;
  for (std::size_t i = first_[static_cast<std::size_t>(stage)]; i < first_[static_cast<std::size_t>(stage) + 1]; ++i) {
    const int low = std::max(sets_[i].low, earliest);
    const int high = std::min(sets_[i].high, latest);
    if (low > high) continue;
    const int here = std::clamp(wanted, low, high);
    if (best < 0 || std::abs(here - wanted) < std::abs(best - wanted)) best = here;
  }
  return best;
}

std::vector<int> Reachable::even_ends() const {
  std::vector<int> ends(static_cast<std::size_t>(table_.stages()));
  int end = table_.blocks();
  for (int stage = table_.stages() - 1; stage >= 0; --stage) {
    ends[static_cast<std::size_t>(stage)] = end;
    const int earliest = table_.earliest(stage, end, bottleneck_s_);
    end = nearest_start(stage, even_start(stage, end), earliest, end - 1);
  }
  return ends;
}

}  // namespace ppplan::search
