#include "planner/report/report_json.h"

#include "traces/op_key_json.h"

namespace ppplan::report {
namespace {

input::Json stage_json(const StageReport& stage) {
  return {{"name", stage.name},
          {"busy_s", stage.busy_s},
          {"idle_s", stage.idle_s()},
          {"warmup_idle_s", stage.warmup_idle_s},
          {"drain_idle_s", stage.drain_idle_s},
          {"imbalance_idle_s", stage.imbalance_idle_s},
          {"communication_wait_s", stage.communication_wait_s},
          {"peak_activations", stage.peak_activations},
          {"peak_activation_bytes", stage.peak_activation_bytes}};
}

input::Json step_json(const PathStep& step) {
  input::Json out = {{"device", step.device}};
  traces::write_key(out, step.key);
  out["start_s"] = step.start_s;
  out["end_s"] = step.end_s;
  return out;
}

input::Json stage_json(const StageComparison& stage) {
  return {{"name", stage.name},
          {"predicted", {{"busy_s", stage.predicted_busy_s}, {"idle_s", stage.predicted_idle_s}}},
          {"measured", {{"busy_s", stage.measured_busy_s}, {"idle_s", stage.measured_idle_s}}},
          {"error_fraction", stage.error_fraction}};
}

}  // namespace

input::Json to_json(const BubbleReport& report) {
  input::Json out = {{"format", "ppplan/report/1"},
                     {"makespan_s", report.makespan_s},
                     {"bubble_fraction", report.bubble_fraction},
                     {"span_bubble_fraction", report.span_bubble_fraction},
                     {"balance", report.balance},
                     {"lower_bound_s", report.lower_bound_s},
                     {"steady_rate_per_s", report.steady_rate_per_s},
                     {"stages", input::Json::array()},
                     {"critical_path", input::Json::array()}};
  for (const StageReport& stage : report.stages) out["stages"].push_back(stage_json(stage));
  for (const PathStep& step : report.critical_path) out["critical_path"].push_back(step_json(step));
  return out;
}

input::Json to_json(const Comparison& comparison) {
  input::Json out = {
      {"predicted",
       {{"makespan_s", comparison.predicted_makespan_s}, {"bubble_fraction", comparison.predicted_bubble}}},
      {"measured",
       {{"makespan_s",
         {{"median", comparison.median_makespan_s},
          {"min", comparison.min_makespan_s},
          {"max", comparison.max_makespan_s}}},
        {"bubble_fraction", comparison.median_bubble}}},
      {"stages", input::Json::array()},
      {"error_fraction", comparison.error_fraction}};
  for (const StageComparison& stage : comparison.stages) out["stages"].push_back(stage_json(stage));
  return out;
}

}  // namespace ppplan::report
