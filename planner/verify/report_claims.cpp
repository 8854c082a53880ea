#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "planner/verify/claim.h"
#include "planner/verify/claims.h"

namespace ppplan::verify {
namespace {

using input::Node;

struct StageFigures {
  std::string place;
  double busy_s = 0, warmup_s = 0, drain_s = 0, imbalance_s = 0, wait_s = 0;
  double idle_s() const { return warmup_s + drain_s + imbalance_s + wait_s; }
};

std::vector<StageFigures> read_stages(const Node& list) {
  std::vector<StageFigures> out;
  for (const Node& node : list.items())
    out.push_back({fmt::format("stage {}", out.size()), node.at("busy_s").number(), node.at("warmup_idle_s").number(),
                   node.at("drain_idle_s").number(), node.at("imbalance_idle_s").number(),
                   node.at("communication_wait_s").number()});
  return out;
}

Check idle_claim(const Node& report, const std::vector<StageFigures>& stages, double makespan) {
  Claim claim("busy time and the four kinds of idle time of every stage sum to the makespan");
  const auto items = report.at("stages").items();
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const StageFigures& stage = stages[s];
    const double least = std::min({stage.busy_s, stage.warmup_s, stage.drain_s, stage.imbalance_s, stage.wait_s});
    claim.require(stage.place, least >= -1e-12 * makespan, fmt::format("a part of {} s", least));
    claim.equal(stage.place, stage.busy_s + stage.idle_s(), makespan);
    if (const auto idle = items[s].find("idle_s")) claim.equal(stage.place + " idle", idle->number(), stage.idle_s());
  }
  return claim.check();
}

struct Work {
  double sum = 0, most = 0, longest_span = 0;
};

Work work_of(const std::vector<StageFigures>& stages, double makespan) {
  Work work;
  for (const StageFigures& stage : stages) {
    work.sum += stage.busy_s;
    work.most = std::max(work.most, stage.busy_s);
    if (stage.busy_s > 0) work.longest_span = std::max(work.longest_span, makespan - stage.warmup_s - stage.drain_s);
  }
  return work;
}

Check fractions_claim(const Node& report, const std::vector<StageFigures>& stages, double makespan) {
  Claim claim("bubble, span bubble and balance follow from the stages' work");
  const Work work = work_of(stages, makespan);
  const double offered = static_cast<double>(stages.size()) * makespan;
  claim.equal("bubble", report.at("bubble_fraction").number(), offered > 0 ? 1 - work.sum / offered : 0.0);
  claim.equal("span bubble", report.at("span_bubble_fraction").number(),
              work.longest_span > 0 ? 1 - work.most / work.longest_span : 0.0);
  claim.equal("balance", report.at("balance").number(),
              work.most > 0 ? work.sum / static_cast<double>(stages.size()) / work.most : 1.0);
  return claim.check();
}

Check bound_claim(const Node& report, const std::vector<StageFigures>& stages, double makespan) {
  Claim claim("the lower bound lies between the largest stage's work and the makespan");
  claim.within("", report.at("lower_bound_s").number(), work_of(stages, makespan).most, makespan);
  return claim.check();
}

Check path_claim(const Node& report, const std::vector<StageFigures>& stages, double makespan) {
  Claim claim(
      "the critical path goes forward in time, ends with the run, and has no more of a stage's time than it worked");
  const auto steps = report.at("critical_path").items();
  std::vector<double> computed(stages.size());
  double now = 0;
  const double slack = 1e-9 * std::max(1.0, makespan);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::string place = fmt::format("step {}", i);
    const double start = steps[i].at("start_s").number();
    const double end = steps[i].at("end_s").number();
    const auto device = static_cast<std::size_t>(steps[i].at("device").integer(0, 1 << 30));
    const std::string kind = steps[i].at("kind").text();
    claim.require(place, start >= now - slack && end >= start, fmt::format("[{}, {}] after {}", start, end, now));
    claim.require(place, device < stages.size(), fmt::format("device {}", device));
    const bool transfer = kind == "send" || kind == "recv" || kind == "token_return";
    if (device < stages.size() && !transfer) computed[device] += end - start;
    now = end;
  }
  if (!steps.empty()) claim.equal("end", now, makespan);
  for (std::size_t s = 0; s < stages.size(); ++s)
    claim.require(stages[s].place, computed[s] <= stages[s].busy_s + slack,
                  fmt::format("{} s on the path of {} s of work", computed[s], stages[s].busy_s));
  return claim.check();
}

Check held_claim(const Node& report) {
  Claim claim("no stage held less than nothing");
  std::size_t index = 0;
  for (const Node& stage : report.at("stages").items()) {
    const double held = stage.at("peak_activations").number();
    const double bytes = stage.at("peak_activation_bytes").number();
    claim.require(fmt::format("stage {}", index++), held >= 0 && bytes >= 0,
                  fmt::format("{} and {} bytes", held, bytes));
  }
  return claim.check();
}

}  // namespace

Checks report_claims(const Node& report) {
  const double makespan = report.at("makespan_s").number(0);
  const auto stages = read_stages(report.at("stages"));
  return {idle_claim(report, stages, makespan), fractions_claim(report, stages, makespan),
          bound_claim(report, stages, makespan), path_claim(report, stages, makespan), held_claim(report)};
}

}  // namespace ppplan::verify
