#include "tests/verify/documents.h"

#include "planner/cost/assess.h"
#include "planner/report/report_json.h"
#include "planner/schedule/longest_path.h"
#include "planner/schedule/pipeline.h"
#include "planner/schedule/schedule_json.h"
#include "planner/spec/plan_json.h"
#include "tests/search/small_case.h"
#include "traces/profile_json.h"
#include "traces/timeline_json.h"

namespace ppplan::tests {
namespace {

namespace small = search::tests;

spec::Plan planned(int tp, int pp, int dp, double memory_gib) {
  search::Request request = small::small_request(small::cluster_of({{.count = 4, .memory_gib = memory_gib}}));
  request.tp = tp;
  request.pp = pp;
  request.dp = dp;
  return small::searched(request).plans.front();
}

schedule::Schedule decode_loop() {
  schedule::PipelineShape shape;
  shape.members = {{0}, {1}};
  schedule::MicroBatchCosts costs{{1.0, 2.0}, {0.25}, {0}, 0.5};
  return schedule::decode_rounds(shape, {costs, costs}, 3);
}

traces::Timeline timeline_of(const schedule::Schedule& schedule, double stretch = 1) {
  traces::Timeline timeline = schedule::longest_path(schedule, schedule::own_seconds(schedule));
  timeline.devices = {"stage 0", "stage 1"};
  for (traces::Span& span : timeline.spans) {
    span.start_s *= stretch;
    span.end_s *= stretch;
  }
  return timeline;
}

}  // namespace

std::vector<input::Json> plan_documents() {
  std::vector<input::Json> out;
  out.push_back(spec::to_json(planned(1, 4, 1, 8)));
  out.push_back(spec::to_json(planned(2, 2, 1, 8)));
  out.push_back(spec::to_json(planned(1, 2, 2, 8)));
  out.push_back(spec::to_json(planned(1, 4, 1, 0.05)));
  return out;
}

input::Json search_document() {
  const search::Result result = small::searched(small::small_request(small::cluster_of({{.count = 4}})));
  input::Json out = {{"format", "ppplan/search/1"}, {"feasible", result.feasible}};
  for (const spec::Plan& plan : result.plans) out["plans"].push_back(spec::to_json(plan));
  out["alternatives"] = input::Json::array();
  for (const auto& a : result.alternatives)
    out["alternatives"].push_back({{"tp", a.parallel.tp},
                                   {"pp", a.parallel.pp},
                                   {"dp", a.parallel.dp},
                                   {"verdict", a.verdict},
                                   {"reason", a.reason}});
  out["pareto"] = input::Json::array();
  for (const spec::Plan& plan : result.pareto)
    out["pareto"].push_back({{"kv_tokens", plan.predicted.kv_tokens},
                             {"output_tokens_per_s", plan.predicted.output_tokens_per_s},
                             {"ttft_s", plan.predicted.ttft_s}});
  out["counts"] = {{"enumerated", result.counts.enumerated},
                   {"pruned", result.counts.pruned},
                   {"evaluated", result.counts.evaluated},
                   {"simulated", result.counts.simulated}};
  return out;
}

input::Json timeline_document() { return traces::to_json(timeline_of(decode_loop())); }

input::Json schedule_document() { return schedule::to_json(decode_loop()); }

input::Json report_document() {
  const schedule::Schedule schedule = decode_loop();
  return report::to_json(report::bubble_report(schedule, timeline_of(schedule), schedule::own_seconds(schedule)));
}

input::Json run_document() {
  const schedule::Schedule schedule = decode_loop();
  const std::vector<traces::Timeline> measured = {timeline_of(schedule, 1.04), timeline_of(schedule, 1.08),
                                                  timeline_of(schedule, 1.05)};
  input::Json out = {{"format", "ppplan/run/1"}, {"backend", "host"}, {"repeats", 3}};
  out.update(report::to_json(report::compare(schedule, timeline_of(schedule), measured)));
  out["tolerance"] = 0.1;
  out["outputs_match"] = true;
  out["verdict"] = "PASS";
  return out;
}

input::Json profile_document() {
  traces::Profile profile;
  profile.engine = "ppplan 0.1";
  profile.device = "cpu-core";
  for (int tokens : {1, 2})
    profile.operations.push_back({.op = "layer",
                                  .dtype = "fp32",
                                  .shape = {{"hidden", 384}},
                                  .tokens = tokens,
                                  .median_s = 2e-3,
                                  .p10_s = 1.9e-3,
                                  .p90_s = 2.2e-3,
                                  .repeats = 5});
  profile.links.push_back({.op = "send_recv", .link = "memory", .bytes = 4096, .median_s = 2e-6});
  profile.errors.push_back({.op = "layer", .what = "rows", .samples = 10, .median = 0.03, .p90 = 0.09});
  return traces::to_json(profile);
}

input::Json cluster_document() { return spec::to_json(small::cluster_of({{.count = 4}}, 2)); }

std::vector<input::Json> all_documents() {
  std::vector<input::Json> out = plan_documents();
  for (auto* document : {search_document, timeline_document, schedule_document, report_document, run_document,
                         profile_document, cluster_document})
    out.push_back(document());
  return out;
}

}  // namespace ppplan::tests
