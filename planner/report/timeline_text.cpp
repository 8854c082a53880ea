#include "planner/report/timeline_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "planner/report/time_text.h"

namespace ppplan::report {
namespace {

using traces::OpKind;
using traces::Span;
using traces::Timeline;

constexpr std::size_t glyph_count = 128;

bool is_backward(OpKind kind) {
  return kind == OpKind::backward || kind == OpKind::backward_input || kind == OpKind::backward_weight;
}

char glyph(const traces::OpKey& key, bool training) {
  const int round = training ? 10 : 36;
  const int k = key.micro_batch % round;
  if (key.kind == OpKind::forward || key.kind == OpKind::forward_backward)
    return static_cast<char>(k < 10 ? '0' + k : 'a' + k - 10);
  if (key.kind == OpKind::backward_weight) return static_cast<char>('A' + k);
  if (is_backward(key.kind)) return static_cast<char>('a' + k);
  return '*';
}

/// Time that each character covers in each slice of one device's row.
class Row {
 public:
  explicit Row(std::size_t slices) : covered_(slices) {}

  void add(double from, double to, char shown) {  // in slices
    const auto last = std::min(covered_.size(), static_cast<std::size_t>(to) + 1);
    for (std::size_t i = static_cast<std::size_t>(from); i < last; ++i) {
      const double slice = static_cast<double>(i);
      covered_[i][static_cast<std::size_t>(shown)] += std::max(0.0, std::min(to, slice + 1) - std::max(from, slice));
    }
  }

  std::string text() const {
    std::string out;
    for (const auto& slice : covered_) {
      double busy = 0;
      for (const double share : slice) busy += share;
      const auto most = std::max_element(slice.begin(), slice.end()) - slice.begin();
      out += busy < 0.5 ? '.' : static_cast<char>(most);
    }
    return out;
  }

 private:
  std::vector<std::array<double, glyph_count>> covered_;
};

/// Devices to draw, in order; the gap of left-out ones lies after the first half.
std::vector<std::size_t> drawn_devices(std::size_t devices, std::size_t rows) {
  std::vector<std::size_t> out;
  for (std::size_t d = 0; d < devices; ++d)
    if (devices <= rows || d < (rows + 1) / 2 || d >= devices - rows / 2) out.push_back(d);
  return out;
}

std::size_t name_width(const Timeline& timeline) {
  constexpr std::size_t shortest = 7;
  constexpr std::size_t longest = 16;
  std::size_t width = shortest;
  for (const std::string& name : timeline.devices) width = std::max(width, name.size());
  return std::min(width, longest);
}

std::string scale_lines(std::size_t margin, std::size_t slices, double makespan_s) {
  const TimeUnit unit = time_unit(makespan_s);
  const std::string end = time_figure(makespan_s, unit) + " " + std::string(unit.name);
  const std::string middle = time_figure(makespan_s / 2, unit);
  std::string labels = "0";
  const std::size_t centre = slices / 2;
  labels += fmt::format("{:>{}}", middle, centre + middle.size() / 2 - 1);
  labels += fmt::format("{:>{}}", end, slices - labels.size());
  std::string ruler(slices, '-');
  ruler.front() = ruler.back() = ruler[centre] = '+';
  const std::string indent(margin, ' ');
  return indent + ruler + "\n" + indent + labels + "\n";
}

std::vector<Row> filled_rows(const Timeline& timeline, std::size_t slices, double makespan_s, bool training) {
  std::vector<Row> rows(timeline.devices.size(), Row(slices));
  if (makespan_s <= 0) return rows;
  const double per_second = static_cast<double>(slices) / makespan_s;
  for (const Span& span : timeline.spans) {
    const auto device = static_cast<std::size_t>(span.device);
    if (!traces::is_compute(span.key.kind) || span.device < 0 || device >= rows.size()) continue;
    rows[device].add(std::max(0.0, span.start_s) * per_second, span.end_s * per_second, glyph(span.key, training));
  }
  return rows;
}

}  // namespace

std::string timeline_text(const Timeline& timeline, const DrawingSize& size) {
  const bool training = std::ranges::any_of(timeline.spans, [](const Span& s) { return is_backward(s.key.kind); });
  const double makespan = traces::makespan_s(timeline);
  const std::size_t names = name_width(timeline);
  const std::size_t slices = std::max<std::size_t>(size.columns, 40) - names - 3;
  const std::vector<Row> rows = filled_rows(timeline, slices, makespan, training);
  std::string out;
  std::size_t expected = 0;
  for (const std::size_t device : drawn_devices(timeline.devices.size(), size.rows)) {
    if (device != expected) out += fmt::format("{:<{}} | {} devices are not drawn\n", "...", names, device - expected);
    expected = device + 1;
    out += fmt::format("{:<{}} |{}|\n", fitted(timeline.devices[device], names), names, rows[device].text());
  }
  out += scale_lines(names + 2, slices, makespan);
  out += training ? "forward 0-9, backward a-j, weight gradient A-J by micro-batch (mod 10), . idle\n"
                  : "0-9 a-z: micro-batch (mod 36), . idle\n";
  return out;
}

}  // namespace ppplan::report
