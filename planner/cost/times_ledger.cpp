#include "planner/cost/times_ledger.h"

#include <algorithm>
#include <tuple>

namespace ppplan::cost {
namespace {

std::string joined(const std::set<std::string>& names) {
  std::string out;
  for (const std::string& name : names)
    if (!name.empty()) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

void TimesLedger::add(const LayerTimes& times) {
  relative_error_ = std::max(relative_error_, times.relative_error);
  origin_ = std::max(origin_, times.origin);
  engines_.insert(times.engine);
  profiles_.insert(times.profile);
  core_speeds_.insert({times.core_speed, times.alone_core_speed});
  busy_cores_.insert(times.busy_cores);
}

void TimesLedger::fill(spec::Provenance& provenance) const {
  provenance.costs = name(origin_);
  provenance.engine = joined(engines_);
  provenance.profile = joined(profiles_);
  if (core_speeds_.size() == 1) std::tie(provenance.core_speed, provenance.alone_core_speed) = *core_speeds_.begin();
  provenance.busy_cores = busy_cores_.size() == 1 ? *busy_cores_.begin() : 0;
}

}  // namespace ppplan::cost
