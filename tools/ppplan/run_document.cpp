#include "tools/ppplan/run_document.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "exec/cores.h"
#include "exec/machine_facts.h"
#include "planner/report/report_json.h"
#include "planner/report/report_text.h"
#include "tools/ppplan/executor_gap.h"
#include "tools/ppplan/gpu_json.h"
#include "tools/ppplan/page.h"
#include "tools/ppplan/replica_ranks.h"

namespace ppplan::tools {
namespace {

/// Null where it is not known.
input::Json core_speed(const Execution& execution) {
  const CoreDrift& drift = execution.drift;
  if (drift.slowdown.empty()) return nullptr;
  input::Json stages = input::Json::array();
  for (const double slowdown : drift.slowdown) stages.push_back(1 / slowdown);
  return {{"of_profile", stages},
          {"share_of_others", drift.share_of_others},
          {"predicted_for_it", drift.trusted()},
          {"profiled_makespan_s", drift.profiled_makespan_s},
          {"profiled_error_fraction", execution.comparison.median_makespan_s / drift.profiled_makespan_s - 1}};
}

}  // namespace

input::Json run_document(const RunFlags& flags, const spec::Plan& plan, const Execution& execution, int count,
                         bool holds) {
  const report::Comparison& comparison = execution.comparison;
  input::Json out{{"format", "ppplan/run/1"}, {"backend", flags.backend}, {"transport", flags.transport},
                  {"compute", flags.compute}, {"phase", flags.phase},     {"repeats", flags.repeats}};
  out.update(report::to_json(comparison));
  out["tolerance"] = flags.tolerance;
  out["core_speed"] = core_speed(execution);
  out["time_scale"] = execution.scale;
  out["executor_gap_fraction"] = executor_gap_fraction(execution.predicted.schedule, execution.measured);
  out["replicas"] = replicas_json(execution);
  out["outputs_match"] = execution.outputs_match ? input::Json(*execution.outputs_match) : input::Json(nullptr);
  out["verdict"] = holds ? "PASS" : "FAIL";
  out["partition"] = plan.partition;
  out["provenance"] = {
      {"costs", plan.provenance.costs}, {"engine", plan.provenance.engine}, {"profile", plan.provenance.profile}};
  std::map<std::string, std::string> machine = exec::machine_facts(exec::allowed_cores());
  if (execution.gpus) {
    machine.insert(execution.gpus->machine.begin(), execution.gpus->machine.end());
    out["slices"] = execution.gpus->slices;
    out["wires"] = flags.wires;
    out["busy"] = busy_json(execution.gpus->busy);
    out["memory"] = memory_json(execution.gpus->memory);
    out["gemms"] = gemms_json(execution.gpus->gemms, "stage");
    out["ranks"] = ranks_json(execution.gpus->ranks);
    out["correctness_only"] = execution.gpus->correctness_only;
  }
  out["machine"] = machine;
  out["inputs"] = {{"plan", flags.plan},
                   {"profile", flags.profiles},
                   {"phase", flags.phase},
                   {"micro_batches", count},
                   {"assumed", input::Json::array()}};
  return out;
}

input::Json too_large_document(const RunFlags& flags, const spec::Plan& plan, const exec::StagesTooLarge& error) {
  return {{"format", "ppplan/run/1"},
          {"backend", flags.backend},
          {"transport", flags.transport},
          {"compute", flags.compute},
          {"phase", flags.phase},
          {"verdict", "OOM"},
          {"reason", error.what()},
          {"partition", plan.partition},
          {"memory", memory_json(error.stages())},
          {"machine", exec::machine_facts(exec::allowed_cores())}};
}

std::string verdict_line(const RunFlags& flags, const Execution& execution, bool holds) {
  std::string out = report::verdict_text(execution.comparison, holds, flags.repeats, flags.tolerance);
  if (execution.gpus && execution.gpus->correctness_only)
    out = fmt::format(
        "{}: correctness only, since ranks share GPUs and wait for each other's turns; times mean nothing\n",
        holds ? "PASS" : "FAIL");
  if (execution.outputs_match)
    out += *execution.outputs_match
               ? fmt::format("outputs equal those of one device{}\n", flags.backend == "host" ? ", bit for bit" : "")
               : "OUTPUTS DIFFER from those of one device\n";
  if (execution.scale != 1)
    out += fmt::format(
        "replayed {:.3g} times slower, since timers are too coarse for times so short; times above are scaled back\n",
        execution.scale);
  return out;
}

std::string run_page(const RunFlags& flags, const spec::Plan& plan, const Execution& execution, int count) {
  return page_of(execution.predicted, &execution.measured.front(), plan.model.name + ", predicted and measured",
                 {{"partition", fmt::format("{}", fmt::join(plan.partition, ","))},
                  {"phase", fmt::format("{}, {}", flags.phase, count)},
                  {"backend", flags.backend + ", " + flags.compute},
                  {"costs", plan.provenance.costs + " under " + plan.provenance.engine},
                  {"measured", fmt::format("the first of {} runs", flags.repeats)}});
}

}  // namespace ppplan::tools
