#include <fmt/format.h>

#include <cmath>

#include "planner/verify/claim.h"
#include "planner/verify/claims.h"

namespace ppplan::verify {
namespace {

using input::Node;

struct Makespans {
  double predicted = 0, median = 0, least = 0, most = 0;
};

Makespans read_makespans(const Node& run) {
  const Node measured = run.at("measured").at("makespan_s");
  return {run.at("predicted").at("makespan_s").number(0), measured.at("median").number(0), measured.at("min").number(0),
          measured.at("max").number(0)};
}

Check repeats_claim(const Node& run, const Makespans& times) {
  Claim claim("the median lies between the shortest and the longest repeat");
  claim.require("order", times.least <= times.median && times.median <= times.most,
                fmt::format("{}, {}, {}", times.least, times.median, times.most));
  if (run.at("repeats").integer(1, 1 << 30) == 1) claim.equal("of one repeat", times.most, times.least);
  return claim.check();
}

Check errors_claim(const Node& run, const Makespans& times) {
  Claim claim("errors are measured over predicted, less one");
  const auto error = [](double predicted, double measured) { return predicted > 0 ? measured / predicted - 1 : 0; };
  claim.equal("makespan", run.at("error_fraction").number(), error(times.predicted, times.median));
  std::size_t index = 0;
  for (const Node& stage : run.at("stages").items())
    claim.equal(fmt::format("stage {}", index++), stage.at("error_fraction").number(),
                error(stage.at("predicted").at("busy_s").number(0), stage.at("measured").at("busy_s").number(0)));
  return claim.check();
}

/// Medians of parts need not sum to the median of the whole, so that the measured side is summed only for one repeat.
Check sums_claim(const Node& run, const Makespans& times) {
  Claim claim("busy and idle time of a stage sum to the makespan, and bubbles are the idle share");
  const bool single = run.at("repeats").integer(1, 1 << 30) == 1;
  const auto stages = run.at("stages").items();
  for (const char* side : {"predicted", "measured"}) {
    const bool predicted = std::string(side) == "predicted";
    if (!predicted && !single) continue;
    const double makespan = predicted ? times.predicted : times.median;
    double busy = 0;
    for (std::size_t s = 0; s < stages.size(); ++s) {
      const Node part = stages[s].at(side);
      busy += part.at("busy_s").number(0);
      claim.equal(fmt::format("stage {} {}", s, side), part.at("busy_s").number(0) + part.at("idle_s").number(0),
                  makespan);
    }
    if (!stages.empty() && makespan > 0)
      claim.equal(std::string(side) + " bubble", run.at(side).at("bubble_fraction").number(),
                  1 - busy / (static_cast<double>(stages.size()) * makespan));
  }
  return claim.check();
}

Check measured_claim(const Node& run, const Makespans& times) {
  Claim claim("no stage was measured busy or idle for longer than the longest repeat");
  std::size_t index = 0;
  for (const Node& stage : run.at("stages").items()) {
    const std::string place = fmt::format("stage {}", index++);
    claim.within(place + " busy", stage.at("measured").at("busy_s").number(), 0, times.most);
    claim.within(place + " idle", stage.at("measured").at("idle_s").number(), 0, times.most);
  }
  claim.within("bubble", run.at("measured").at("bubble_fraction").number(), 0, 1);
  return claim.check();
}

Check verdict_claim(const Node& run, const Makespans& times) {
  Claim claim(
      "the verdict is PASS where the error is within tolerance or the repeats span the prediction, and outputs match");
  const double tolerance = run.at("tolerance").number(0);
  const bool covered = times.least <= times.predicted && times.predicted <= times.most;
  const auto match = run.find("outputs_match");
  const double error = times.predicted > 0 ? std::abs(times.median / times.predicted - 1) : 0;
  const bool passes = (covered || error <= tolerance) && (!match || match->boolean());
  const std::string verdict = run.at("verdict").text();
  claim.require("", verdict == (passes ? "PASS" : "FAIL"),
                fmt::format("{} with an error of {:.3g} and a tolerance of {:.3g}", verdict, error, tolerance));
  return claim.check();
}

}  // namespace

Checks run_claims(const Node& run) {
  const Makespans times = read_makespans(run);
  return {repeats_claim(run, times), errors_claim(run, times), sums_claim(run, times), measured_claim(run, times),
          verdict_claim(run, times)};
}

}  // namespace ppplan::verify
