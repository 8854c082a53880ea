// Answers "how long does this operation take" from a Profile.
//
// Between measured points times are interpolated; past them the nearest measured time is scaled by the roofline-like rule
// stated in operation_times.cpp and `outside` is set, so that no caller extrapolates unknowingly.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "traces/profile.h"

namespace ppplan::traces {

struct OperationTime {
  double seconds = 0;
  double relative_error = 0;  // 90th percentile of what such answers miss by, as a fraction; half the p10..p90 width where measured
  bool outside = false;       // the question lies outside of what was measured
};

struct OperationQuery {
  std::string op;
  std::string dtype;
  Shape shape;
  int tp = 1;
  double tokens = 1;
  double batch = 1;
  double kv_tokens = 0;
};

/// Built once from a profile, immutable afterwards, cheap to copy, safe to share between threads.
class OperationTimes {
 public:
  explicit OperationTimes(Profile profile);

  /// The time of an operation, or nothing when the profile holds no such operation (name, dtype, tp or, for operations
  /// without a fit over shapes, that shape).
  std::optional<OperationTime> operation(const OperationQuery& query) const;
  /// The time of a message, or nothing when no such link was measured. `op` "send_recv" or "all_reduce".
  std::optional<OperationTime> link(std::string_view op, std::string_view link, int ranks, double bytes) const;

  const Profile& profile() const;

 private:
  struct Tables;
  std::shared_ptr<const Tables> tables_;
};

}  // namespace ppplan::traces
