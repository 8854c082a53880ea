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

MeasuredLinks::MeasuredLinks(const std::vector<LinkSample>& samples, const std::map<std::string, double>& errors) {
  std::map<std::pair<std::string, std::string>, std::map<int, std::map<double, std::vector<double>>>> times;
  for (const LinkSample& sample : samples)
    times[{sample.op, sample.link}][sample.ranks][static_cast<double>(sample.bytes)].push_back(sample.median_s);
  for (const auto& [key, by_ranks] : times) {
    Link& link = links_[key];
    const auto error = errors.find(key.first);
    if (error != errors.end()) link.error = error->second;
    for (const auto& [ranks, by_bytes] : by_ranks) {
      Curve& curve = link.by_ranks[ranks];
      for (const auto& [bytes, seconds] : by_bytes) {
        double sum = 0;
        for (double one : seconds) sum += one;
        curve.bytes.push_back(bytes);
        curve.seconds.push_back(sum / static_cast<double>(seconds.size()));
      }
    }
  }
}

OperationTime MeasuredLinks::Curve::at(double asked) const {
  if (asked <= bytes.front()) return {seconds.front(), 0, asked < bytes.front()};
  if (asked > bytes.back()) return {seconds.back() * asked / bytes.back(), 0, true};
  const auto high = static_cast<std::size_t>(std::lower_bound(bytes.begin(), bytes.end(), asked) - bytes.begin());
  return {log_log(asked, bytes[high - 1], seconds[high - 1], bytes[high], seconds[high]), 0, false};
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
