// Answers "how long does this operation take" from a Profile.
//
// Measured operations. Those of one (op, dtype, tp, shape) are a set. An operation without dtype or shape stands for
// any, after the ones that name it. A question at a measured (tokens, batch, kv_tokens) gets the measured median.
// Otherwise, with t new tokens in each of b sequences that hold s tokens already:
//   decode, t = 1:   T(b, s), from the points with one token
//   prefill, t > 1:  T(u, y) with u = b t new tokens in all, and y = s + (t - u) / 2
// The b t tokens of prefill attend to b t (s + t/2) earlier ones, and y is the cache at which one sequence of u tokens
// attends to as many. So points of batch 1 answer for batches, and y may fall below 0. Both are surfaces as
// operation_times_surface.h interpolates them. A set that has points of the other phase only answers with those,
// `outside`.
//
// Fits (profile_fit.h) answer for shapes that were not measured themselves. Prefill attention of t tokens behind s
// cached ones, which the public tables lack, is the share of the causal triangle that the chunk covers,
//   T(t, s) = max(T(t, 0), T(t + s, 0) t (t + 2 s) / (t + s)^2)
// with a relative error of up to one half, as much as s / (t + s). Heads are those of one rank, so fits have no tp.
//
// Links. log T is linear in log bytes between measured sizes; a number of ranks between two measured ones is
// interpolated likewise. Below the smallest size the time stays, above the largest it grows in proportion to the bytes.
//
// Past what was measured times are scaled by the rules above and `outside` is set, so that no caller extrapolates
// unknowingly.
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
  double relative_error =
      0;  // 90th percentile of what such answers miss by, as a fraction; half the p10..p90 width where measured
  bool outside = false;       // the question lies outside of what was measured
  double alone_fraction = 1;  // what it takes while all other cores idle, of `seconds`; 1 where that was not measured
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
  /// The time of a message, or nothing when no such link was measured. `op` "send_recv" or "all_reduce". Of 0 bytes:
  /// the smallest message.
  std::optional<OperationTime> link(std::string_view op, std::string_view link, int ranks, double bytes) const;

  const Profile& profile() const;

 private:
  struct Tables;
  std::shared_ptr<const Tables> tables_;
};

}  // namespace ppplan::traces
