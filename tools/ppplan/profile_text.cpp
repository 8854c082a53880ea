#include "tools/ppplan/profile_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace ppplan::tools {
namespace {

std::string spread(const traces::Profile& profile) {
  std::map<std::string, int> counts;
  double widest = 0, loaded = 0;
  int both = 0;
  for (const traces::Operation& operation : profile.operations) {
    ++counts[operation.op];
    widest = std::max(widest, (operation.p90_s - operation.p10_s) / operation.median_s);
    if (operation.alone_s > 0) {
      loaded += operation.median_s / operation.alone_s;
      ++both;
    }
  }
  std::string out;
  for (const auto& [op, count] : counts) out += fmt::format("  {:<24} {:>5} measured points\n", op, count);
  if (widest > 0) out += fmt::format("  widest p10 to p90 of a point: {:.0f} % of its median\n", 100 * widest);
  if (both > 0)
    out += fmt::format(
        "  loaded / alone, mean over points: {:.2f} (compute goes from one to the other as neighbours stop)\n",
        loaded / both);
  return out;
}

/// "gemm bf16, n, k >= 512".
std::string subject(const traces::HeldOutError& error) {
  std::string out = error.op;
  if (!error.dtype.empty()) out += fmt::format(" {}", error.dtype);
  if (!error.range.empty()) out += fmt::format(", {}", error.range);
  return out;
}

}  // namespace

std::string profile_text(const traces::Profile& profile) {
  std::string out = fmt::format("  {} under {}\n", profile.device, profile.engine);
  for (const auto& [key, value] : profile.machine) out += fmt::format("  {}: {:.66}\n", key, value);
  if (profile.core_speed > 0)
    out += fmt::format("  cores did {:.0f} fixed layers per second; times are stated for that speed\n",
                       profile.core_speed);
  out += spread(profile);
  if (!profile.links.empty()) out += fmt::format("  {:<24} {:>5} measured points\n", "links", profile.links.size());
  if (!profile.errors.empty())
    out += fmt::format("  {:<40} {:<8} {:>7} {:>9} {:>9}\n", "error of what was left out", "of whole", "samples",
                       "median", "90th pct");
  for (const traces::HeldOutError& error : profile.errors)
    out += fmt::format("  {:<40} {:<8} {:>7} {:>7.1f} % {:>7.1f} %\n", subject(error), error.what, error.samples,
                       100 * error.median, 100 * error.p90);
  for (const traces::Source& source : profile.sources)
    out += fmt::format("  source: {} at {}, {}\n", source.name, source.commit, source.licence);
  return out;
}

}  // namespace ppplan::tools
