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
  /// Answers carry the largest of `errors` for their operation, over all links or theirs (HeldOutError::range).
  MeasuredLinks(const std::vector<LinkSample>& samples, const std::vector<HeldOutError>& errors);
  std::optional<OperationTime> at(std::string_view op, std::string_view link, int ranks, double bytes) const;

 private:
  struct Knot {
    double bytes = 0;
    double seconds = 0;
    std::string method{};
  };
  struct Curve {
    std::vector<Knot> knots;  // by bytes
    OperationTime at(double bytes) const;
  };
  static Knot mean_of(const std::vector<const LinkSample*>& same);
  struct Link {
    std::map<int, Curve> by_ranks;
    double error = 0;
  };
  std::map<std::pair<std::string, std::string>, Link> links_;  // by op, link
};

}  // namespace ppplan::traces
