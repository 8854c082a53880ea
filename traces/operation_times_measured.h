// The measured operations of a profile, ready to be asked. See operation_times.h for the rules.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "traces/operation_times.h"
#include "traces/operation_times_surface.h"

namespace ppplan::traces {

class MeasuredOperations {
 public:
  /// `errors`: held-out error by operation name, which every interpolated answer carries at least.
  MeasuredOperations(const std::vector<Operation>& operations, const std::map<std::string, double>& errors);
  /// Nothing when no set answers for this op, dtype, tp and shape.
  std::optional<OperationTime> at(const OperationQuery& query) const;

 private:
  using Key = std::tuple<std::string, std::string, int, Shape>;  // op, dtype, tp, shape
  using Size = std::tuple<double, double, double>;               // tokens, batch, kv_tokens
  struct Set {
    std::map<Size, OperationTime> exact;
    Surface decode, prefill;
    Surface alone_decode, alone_prefill;  // the same points with every other core idle; empty where one lacks that
    double interpolation_error = 0;
    OperationTime at(double tokens, double batch, double kv_tokens) const;
  };
  const Set* find(const OperationQuery& query) const;

  std::map<Key, Set> sets_;
};

}  // namespace ppplan::traces
