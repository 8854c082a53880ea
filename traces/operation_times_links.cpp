#include "traces/operation_times_links.h"

#include <algorithm>
#include <cmath>

namespace ppplan::traces {
namespace {

/// log-log between (x0, y0) and (x1, y1), exact at both.
double log_log(double x, double x0, double y0, double x1, double y1) {
  if (x == x0) return y0;
  if (x == x1) return y1;
  return y0 * std::pow(y1 / y0, std::log(x / x0) / std::log(x1 / x0));
}

}  // namespace

MeasuredLinks::MeasuredLinks(const std::vector<LinkSample>& samples, const std::vector<HeldOutError>& errors) {
  std::map<std::pair<std::string, std::string>, std::map<int, std::map<std::int64_t, std::vector<const LinkSample*>>>>
      all;
  for (const LinkSample& sample : samples) all[{sample.op, sample.link}][sample.ranks][sample.bytes].push_back(&sample);
  for (const auto& [key, by_ranks] : all) {
    Link& link = links_[key];
    for (const HeldOutError& error : errors)
      if (error.op == key.first && (error.range.empty() || error.range == key.second))
        link.error = std::max(link.error, error.p90);
    for (const auto& [ranks, by_bytes] : by_ranks)
      for (const auto& [bytes, same] : by_bytes) link.by_ranks[ranks].knots.push_back(mean_of(same));
  }
}

MeasuredLinks::Knot MeasuredLinks::mean_of(const std::vector<const LinkSample*>& same) {
  Knot out{static_cast<double>(same.front()->bytes), 0, same.front()->method};
  for (const LinkSample* one : same) out.seconds += one->median_s / static_cast<double>(same.size());
  return out;
}

OperationTime MeasuredLinks::Curve::at(double bytes) const {
  if (bytes <= knots.front().bytes) return {knots.front().seconds, 0, bytes < knots.front().bytes};
  if (bytes > knots.back().bytes) return {knots.back().seconds * bytes / knots.back().bytes, 0, true};
  const auto high = std::lower_bound(knots.begin(), knots.end(), bytes,
                                     [](const Knot& knot, double asked) { return knot.bytes < asked; });
  const auto low = high - 1;
  const bool alone = low == knots.begin() || (low - 1)->method != low->method;
  if (low->method == high->method || bytes == high->bytes || alone)
    return {log_log(bytes, low->bytes, low->seconds, high->bytes, high->seconds), 0, false};
  // One method hands over to another at the larger size: up to there the smaller sizes' slope goes on.
  const auto before = low - 1;
  const double seconds = log_log(bytes, before->bytes, before->seconds, low->bytes, low->seconds);
  const auto [least, most] = std::minmax(low->seconds, high->seconds);
  return {std::clamp(seconds, least, most), 0, false};
}

std::optional<OperationTime> MeasuredLinks::at(std::string_view op, std::string_view link, int ranks,
                                               double bytes) const {
  const auto found = links_.find({std::string(op), std::string(link)});
  if (found == links_.end()) return std::nullopt;
  const auto& by_ranks = found->second.by_ranks;
  const auto high = by_ranks.lower_bound(ranks);
  if (high == by_ranks.end() || (high == by_ranks.begin() && high->first != ranks)) return std::nullopt;
  OperationTime out = high->second.at(bytes);
  if (high->first != ranks) {
    const auto low = std::prev(high);
    const OperationTime fewer = low->second.at(bytes);
    out.seconds = log_log(ranks, low->first, fewer.seconds, high->first, out.seconds);
    out.outside = out.outside || fewer.outside;
  }
  out.relative_error = found->second.error;
  return out;
}

}  // namespace ppplan::traces
