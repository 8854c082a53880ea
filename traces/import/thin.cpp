#include "traces/import/thin.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "traces/operation_times.h"

namespace ppplan::traces {
namespace {

std::vector<LinkSample> by_bytes(std::vector<LinkSample> samples) {
  std::stable_sort(samples.begin(), samples.end(),
                   [](const LinkSample& a, const LinkSample& b) { return a.bytes < b.bytes; });
  return samples;
}

/// Median size and median time of [first, last), which is sorted by size.
LinkSample middle(std::vector<LinkSample>::const_iterator first, std::vector<LinkSample>::const_iterator last) {
  LinkSample out = *(first + (last - first) / 2);
  std::vector<double> seconds;
  for (auto it = first; it != last; ++it) seconds.push_back(it->median_s);
  std::nth_element(seconds.begin(), seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2), seconds.end());
  out.median_s = seconds[seconds.size() / 2];
  return out;
}

/// Values of one axis, each at least `ratio` times the one before, and the largest.
std::set<std::int64_t> spaced(const std::set<std::int64_t>& values, double ratio) {
  std::set<std::int64_t> out;
  for (std::int64_t value : values)
    if (out.empty() || static_cast<double>(value) >= ratio * static_cast<double>(*out.rbegin())) out.insert(value);
  if (!values.empty()) out.insert(*values.rbegin());
  return out;
}

}  // namespace

std::vector<LinkSample> thin_messages(const std::vector<LinkSample>& samples, int per_octave) {
  const std::vector<LinkSample> sorted = by_bytes(samples);
  if (sorted.size() < 3) return sorted;
  const auto bin = [&](const LinkSample& sample) {
    return static_cast<int>(std::floor(std::log2(static_cast<double>(sample.bytes)) * per_octave));
  };
  std::vector<LinkSample> out = {sorted.front()};
  const auto last = sorted.end() - 1;
  for (auto first = sorted.begin() + 1; first != last;) {
    auto end = first;
    while (end != last && bin(*end) == bin(*first)) ++end;
    out.push_back(middle(first, end));
    first = end;
  }
  out.push_back(*last);
  return out;
}

std::vector<double> left_out_errors(const std::vector<LinkSample>& samples, int per_octave, int folds) {
  const std::vector<LinkSample> sorted = by_bytes(samples);
  std::vector<double> out;
  if (sorted.size() < 3) return out;
  for (int fold = 0; fold < folds; ++fold) {
    const auto is_out = [&](std::size_t i) {
      return i > 0 && i + 1 < sorted.size() && static_cast<int>(i % static_cast<std::size_t>(folds)) == fold;
    };
    Profile others;
    std::vector<LinkSample> kept;
    for (std::size_t i = 0; i < sorted.size(); ++i)
      if (!is_out(i)) kept.push_back(sorted[i]);
    others.links = thin_messages(kept, per_octave);
    const OperationTimes times(others);
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      if (!is_out(i)) continue;
      const LinkSample& one = sorted[i];
      const auto time = times.link(one.op, one.link, one.ranks, static_cast<double>(one.bytes));
      out.push_back(std::abs(time->seconds / one.median_s - 1));
    }
  }
  return out;
}

std::vector<Operation> thin_operations(const std::vector<Operation>& operations, double ratio,
                                       std::vector<Operation>& left_out) {
  std::set<std::int64_t> tokens, batches, caches;
  for (const Operation& one : operations) {
    tokens.insert(one.tokens);
    batches.insert(one.batch);
    caches.insert(one.kv_tokens);
  }
  tokens = spaced(tokens, ratio);
  batches = spaced(batches, ratio);
  caches = spaced(caches, ratio);
  std::vector<Operation> kept;
  for (const Operation& one : operations) {
    const bool on = tokens.contains(one.tokens) && batches.contains(one.batch) && caches.contains(one.kv_tokens);
    (on ? kept : left_out).push_back(one);
  }
  return kept;
}

std::vector<double> interpolation_errors(const std::vector<Operation>& kept, const std::vector<Operation>& left_out) {
  Profile profile;
  profile.operations = kept;
  const OperationTimes times(profile);
  std::vector<double> out;
  for (const Operation& one : left_out) {
    const auto time = times.operation({one.op, one.dtype, one.shape, one.tp, static_cast<double>(one.tokens),
                                       static_cast<double>(one.batch), static_cast<double>(one.kv_tokens)});
    if (time && !time->outside) out.push_back(std::abs(time->seconds / one.median_s - 1));
  }
  return out;
}

}  // namespace ppplan::traces
