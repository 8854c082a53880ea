// The measured messages of a profile, ready to be asked. See operation_times.h for the rules.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "traces/operation_times.h"

namespace ppplan::traces {

class MeasuredLinks {
 public:
  /// `errors`: held-out error by operation name, which every answer carries at least.
  MeasuredLinks(const std::vector<LinkSample>& samples, const std::map<std::string, double>& errors);
  std::optional<OperationTime> at(std::string_view op, std::string_view link, int ranks, double bytes) const;

 private:
  struct Curve {
    std::vector<double> bytes, seconds;  // by bytes
    OperationTime at(double bytes) const;
  };
  struct Link {
    std::map<int, Curve> by_ranks;
    double error = 0;
  };
  std::map<std::pair<std::string, std::string>, Link> links_;  // by op, link
};

}  // namespace ppplan::traces
