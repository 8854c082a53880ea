#include "traces/operation_times.h"

#include <algorithm>
#include <map>

#include "traces/operation_times_fit.h"
#include "traces/operation_times_links.h"
#include "traces/operation_times_measured.h"

namespace ppplan::traces {
namespace {

using Errors = std::map<std::string, double>;

/// The largest held-out 90th percentile of each operation.
Errors operation_errors(const Profile& profile) {
  Errors out;
  for (const HeldOutError& error : profile.errors) out[error.op] = std::max(out[error.op], error.p90);
  return out;
}

std::map<std::pair<std::string, std::string>, FittedOperation> fitted(const Profile& profile) {
  std::map<std::pair<std::string, std::string>, FittedOperation> out;
  for (const Fit& fit : profile.fits) out.emplace(std::pair(fit.op, fit.dtype), FittedOperation(fit));
  return out;
}

}  // namespace

struct OperationTimes::Tables {
  explicit Tables(Profile from)
      : profile(std::move(from)),
        operations(profile.operations, operation_errors(profile)),
        fits(fitted(profile)),
        links(profile.links, profile.errors) {}

  Profile profile;
  MeasuredOperations operations;
  std::map<std::pair<std::string, std::string>, FittedOperation> fits;  // by op, dtype
  MeasuredLinks links;
};

OperationTimes::OperationTimes(Profile profile) : tables_(std::make_shared<const Tables>(std::move(profile))) {}

std::optional<OperationTime> OperationTimes::operation(const OperationQuery& query) const {
  const auto measured = tables_->operations.at(query);
  if (measured && !measured->outside) return measured;
  const auto fit = tables_->fits.find({query.op, query.dtype});
  const auto fitted = fit == tables_->fits.end() ? std::nullopt : fit->second.answer(query);
  // Past the measured points of one shape a fit over all shapes knows more.
  return fitted ? fitted : measured;
}

std::optional<OperationTime> OperationTimes::link(std::string_view op, std::string_view link, int ranks,
                                                  double bytes) const {
  return tables_->links.at(op, link, ranks, bytes);
}

const Profile& OperationTimes::profile() const { return tables_->profile; }

}  // namespace ppplan::traces
