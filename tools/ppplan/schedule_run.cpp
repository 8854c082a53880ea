#include "tools/ppplan/schedule_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "exec/cores.h"
#include "exec/machine_facts.h"
#include "planner/input/input_error.h"
#include "planner/report/report_json.h"
#include "planner/report/report_text.h"
#include "planner/schedule/schedule_json.h"
#include "planner/spec/read_model.h"
#include "tools/ppplan/inputs.h"
#include "tools/ppplan/trained.h"
#include "traces/timeline_json.h"

namespace ppplan::tools {
namespace {

int positive(int value, const std::string& flag) {
  if (value < 1) throw input::InputError(flag, "", "a whole number of at least 1", std::to_string(value));
  return value;
}

TrainingRequest request_of(const ScheduleRunFlags& flags) {
  if (flags.model.empty())
    throw input::InputError("--model", "", "a model to train with --compute real (or --compute replay)", "none");
  TrainingRequest request;
  request.schedule = schedule::schedule_from_json(input::read_document(flags.schedule).root());
  request.run.model = spec::read_model(flags.model);
  if (!flags.partition.empty()) request.run.partition = parse_numbers(flags.partition, "--partition");
  request.run.replicas = positive(flags.dp, "--dp");
  request.run.sequences = positive(flags.sequences, "--sequences");
  request.run.tokens = positive(flags.isl, "--isl");
  request.repeats = flags.repeats;
  return request;
}

TrainedSchedule executed(const ScheduleRunFlags& flags, const Step& step) {
  if (flags.compute == "real") return execute_training(request_of(flags), step);
  TrainedSchedule out;
  out.execution = execute_replay(simulate_schedule(flags.schedule), flags.repeats, step);
  return out;
}

bool holds(const ScheduleRunFlags& flags, const TrainedSchedule& result) {
  const bool real = flags.compute == "real";
  const bool equal = result.gradients_match && result.weights_match && result.execution.outputs_match.value_or(false);
  return result.execution.comparison.holds(flags.tolerance) && (!real || equal);
}

/// What only real compute has.
input::Json training_part(const TrainedSchedule& result) {
  input::Json stages = input::Json::array();
  for (const schedule::StageTraining& stage : result.costs.stages)
    stages.push_back({{"forward_s", stage.forward_s},
                      {"backward_input_s", stage.backward_input_s},
                      {"backward_weight_s", stage.backward_weight_s},
                      {"send_s", stage.send_s},
                      {"activation_bytes", stage.activation}});
  return {{"gradients_match", result.gradients_match},
          {"weights_match", result.weights_match},
          {"losses", result.losses},
          {"partition", result.partition},
          {"costs", {{"source", "measured on these cores just before the run"}, {"stages", stages}}},
          {"released_by_input_gradient", result.costs.released_by_input_gradient},
          {"peak_activation_bytes",
           {{"measured", result.peak_activation_bytes}, {"predicted", result.predicted_peak_activation_bytes}}}};
}

input::Json document(const ScheduleRunFlags& flags, const TrainedSchedule& result) {
  const Execution& execution = result.execution;
  const bool real = flags.compute == "real";
  input::Json out{{"format", "ppplan/run/1"}, {"backend", "host"},   {"transport", "threads"},
                  {"compute", flags.compute}, {"phase", "training"}, {"repeats", flags.repeats}};
  out.update(report::to_json(execution.comparison));
  out["tolerance"] = flags.tolerance;
  out["time_scale"] = execution.scale;
  out["outputs_match"] = execution.outputs_match ? input::Json(*execution.outputs_match) : input::Json(nullptr);
  if (real) out.update(training_part(result));
  out["verdict"] = holds(flags, result) ? "PASS" : "FAIL";
  out["machine"] = exec::machine_facts(exec::allowed_cores());
  input::Json inputs{{"schedule", flags.schedule}, {"model", flags.model}, {"assumed", input::Json::array()}};
  if (real) inputs.update({{"dp", flags.dp}, {"sequences", flags.sequences}, {"isl", flags.isl}});
  out["inputs"] = inputs;
  return out;
}

std::string training_lines(const TrainedSchedule& result) {
  const auto match = [](bool equal, const char* what) {
    return equal ? fmt::format("{} equal those of one device, bit for bit\n", what)
                 : fmt::format("{} DIFFER from those of one device\n", what);
  };
  std::string out = "\npredicted from costs measured on these cores just before the run\n";
  constexpr double ms = 1e3, mib = 1 << 20;
  for (std::size_t s = 0; s < result.costs.stages.size(); ++s) {
    const schedule::StageTraining& stage = result.costs.stages[s];
    out += fmt::format("stage {:<4}{:.2f} ms forward, {:.2f} ms input gradient, {:.2f} ms weight gradient\n", s,
                       ms * stage.forward_s, ms * stage.backward_input_s, ms * stage.backward_weight_s);
  }
  for (std::size_t d = 0; d < result.peak_activation_bytes.size(); ++d)
    out += fmt::format("rank {:<5}{:.1f} MiB of activations at most, {:.1f} predicted\n", d,
                       static_cast<double>(result.peak_activation_bytes[d]) / mib,
                       result.predicted_peak_activation_bytes[d] / mib);
  out += fmt::format("loss      {:.6f}\n", fmt::join(result.losses, ", "));
  out += match(*result.execution.outputs_match, "losses") + match(result.gradients_match, "gradients") +
         match(result.weights_match, "weights after the last step");
  return out;
}

std::string verdict_line(const ScheduleRunFlags& flags, const TrainedSchedule& result) {
  return "\n" + report::verdict_text(result.execution.comparison, holds(flags, result), flags.repeats, flags.tolerance);
}

}  // namespace

void run_schedule_file(Context& context, const ScheduleRunFlags& flags) {
  TrainedSchedule result;
  {
    Progress progress(context, "running");
    result = executed(flags, [&](double fraction) { progress.update(fraction); });
  }
  const traces::Timeline& first = result.execution.measured.front();
  if (!flags.trace.empty()) input::write_text(flags.trace, traces::chrome_trace(first).dump() + "\n");
  if (!flags.out.empty()) input::write_text(flags.out, traces::to_json(first).dump(1) + "\n");
  context.status = holds(flags, result) ? exit_done : exit_disagrees;
  if (context.json()) return print_json(document(flags, result));
  print_text(report::comparison_text(result.execution.comparison));
  if (flags.compute == "real") print_text(training_lines(result));
  if (result.execution.scale != 1)
    print_text(
        fmt::format("replayed with times {:.3g} times as long; times above are scaled back\n", result.execution.scale));
  print_text(verdict_line(flags, result));
}

}  // namespace ppplan::tools
