#include "traces/operation_times.h"

#include <algorithm>
#include <map>

#include "traces/operation_times_links.h"
#include "traces/operation_times_measured.h"

namespace ppplan::traces {
namespace {

/// The largest held-out 90th percentile of each operation.
std::map<std::string, double> held_out_errors(const Profile& profile) {
  std::map<std::string, double> out;
  for (const HeldOutError& error : profile.errors) out[error.op] = std::max(out[error.op], error.p90);
  return out;
}

}  // namespace

struct OperationTimes::Tables {
  explicit Tables(Profile from)
      : profile(std::move(from)),
        operations(profile.operations, held_out_errors(profile)),
        links(profile.links, held_out_errors(profile)) {}

  Profile profile;
  MeasuredOperations operations;
  MeasuredLinks links;
};

OperationTimes::OperationTimes(Profile profile) : tables_(std::make_shared<const Tables>(std::move(profile))) {}

std::optional<OperationTime> OperationTimes::operation(const OperationQuery& query) const {
  return tables_->operations.at(query);
}

std::optional<OperationTime> OperationTimes::link(std::string_view op, std::string_view link, int ranks,
                                                  double bytes) const {
  return tables_->links.at(op, link, ranks, bytes);
}

const Profile& OperationTimes::profile() const { return tables_->profile; }

}  // namespace ppplan::traces
