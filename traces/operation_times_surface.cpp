#include "traces/operation_times_surface.h"

#include <algorithm>
#include <cmath>

namespace ppplan::traces {
namespace {

void merge_equal(std::vector<Surface::Point>& points) {
  std::vector<Surface::Point> merged;
  std::size_t equal = 1;
  for (const Surface::Point& point : points) {
    if (merged.empty() || merged.back().x != point.x || merged.back().y != point.y) {
      merged.push_back(point);
      equal = 1;
      continue;
    }
    Surface::Point& mean = merged.back();
    ++equal;
    mean.seconds += (point.seconds - mean.seconds) / static_cast<double>(equal);
    mean.relative_error = std::max(mean.relative_error, point.relative_error);
  }
  points = std::move(merged);
}

}  // namespace

Surface::Surface(std::vector<Point> points) {
  std::stable_sort(points.begin(), points.end(),
                   [](const Point& a, const Point& b) { return a.x != b.x ? a.x < b.x : a.y < b.y; });
  merge_equal(points);
  for (const Point& point : points) {
    if (rows_.empty() || rows_.back().x != point.x) rows_.push_back({point.x, {}});
    rows_.back().points.push_back(point);
  }
}

Surface::Value Surface::Row::at(double y) const {
  if (points.size() == 1) {
    const Point& only = points.front();
    return {only.seconds, only.relative_error, false, y > only.y, y < only.y};
  }
  std::size_t high = 1;
  while (high + 1 < points.size() && points[high].y < y) ++high;
  const Point& a = points[high - 1];
  const Point& b = points[high];
  Value out;
  const double share = (y - a.y) / (b.y - a.y);
  // Weights that are exactly 0 and 1 at the ends, so that measured points come back bit for bit.
  out.seconds = share == 1 ? b.seconds : a.seconds + share * (b.seconds - a.seconds);
  out.relative_error = std::max(a.relative_error, b.relative_error);
  out.above_y = y > points.back().y;
  out.below_y = y < points.front().y;
  if (out.above_y) out.seconds = std::max(out.seconds, points.back().seconds);
  if (out.below_y) out.seconds = std::clamp(out.seconds, 0.5 * a.seconds, a.seconds);
  return out;
}

Surface::Value Surface::between(const Row& low, const Row& high, double x, double y) const {
  const Value a = low.at(y);
  if (low.x == high.x || low.x == x) return a;
  const Value b = high.at(y);
  const double share = std::log(x / low.x) / std::log(high.x / low.x);
  Value out = a;
  out.seconds = a.seconds * std::pow(b.seconds / a.seconds, share);
  out.relative_error = std::max(a.relative_error, b.relative_error);
  out.above_y = a.above_y || b.above_y;
  out.below_y = a.below_y || b.below_y;
  return out;
}

Surface::Value Surface::past_end(const Row& row, double x, double y) const {
  Value out = row.at(y);
  out.seconds *= std::max(1.0, x / row.x);
  out.outside_x = true;
  return out;
}

Surface::Value Surface::at(double x, double y) const {
  const Row* low = nullptr;
  const Row* high = nullptr;
  for (const Row& row : rows_) {
    if (!row.covers(y)) continue;
    if (row.x <= x) low = &row;
    if (row.x >= x && !high) high = &row;
  }
  if (low && high) return between(*low, *high, x, y);
  // No two rows cover y around x: the rows next to x, each going on past its own ends.
  const auto after =
      std::lower_bound(rows_.begin(), rows_.end(), x, [](const Row& row, double at) { return row.x < at; });
  if (after == rows_.end()) return past_end(rows_.back(), x, y);
  if (after->x == x) return after->at(y);
  if (after == rows_.begin()) return past_end(*after, x, y);
  return between(*std::prev(after), *after, x, y);
}

}  // namespace ppplan::traces
