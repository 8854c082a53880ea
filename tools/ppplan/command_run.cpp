// ppplan run: executes a plan and shows predicted against measured.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "exec/cores.h"
#include "exec/device_memory.h"
#include "exec/launch/local_ranks.h"
#include "planner/input/input_error.h"
#include "planner/report/report_text.h"
#include "planner/spec/plan_json.h"
#include "tools/ppplan/commands.h"
#include "tools/ppplan/executed_gpu_ranks.h"
#include "tools/ppplan/executed_gpus.h"
#include "tools/ppplan/executed_parts.h"
#include "tools/ppplan/executed_ranks.h"
#include "tools/ppplan/gpu_json.h"
#include "tools/ppplan/inputs.h"
#include "tools/ppplan/phase.h"
#include "tools/ppplan/rank_world.h"
#include "tools/ppplan/replica_ranks.h"
#include "tools/ppplan/run_document.h"
#include "tools/ppplan/run_flags.h"
#include "tools/ppplan/stage_slices.h"
#include "traces/timeline_json.h"

namespace ppplan::tools {
namespace {

/// Nothing where the ranks are to be started here.
std::optional<exec::launch::JobPlace> place_of(const RunFlags& flags) {
  const auto place = exec::launch::job_place(exec::launch::process_environment);
  return place && flags.local && place->launcher != "ppplan" ? std::nullopt : place;
}

spec::Plan plan_of(const RunFlags& flags) {
  spec::Plan plan = spec::plan_from_json(input::read_document(flags.plan).root());
  if (flags.profiles.empty()) return plan;
  cost::CostBook book = book_from(flags.profiles);
  cost::assess_times(plan, book);
  return plan;
}

void print_too_large(Context& context, const RunFlags& flags, const spec::Plan& plan,
                     const exec::StagesTooLarge& error) {
  context.status = exit_does_not_fit;
  if (context.json()) return print_json(too_large_document(flags, plan, error));
  print_text(fmt::format("OOM: {}\n", error.what()));
}

/// On ranks of a job; nothing where this process is another rank than 0.
std::optional<Execution> execute_as_rank(const RunFlags& flags, const spec::Plan& plan, cost::Phase phase, int count,
                                         const Step& step) {
  RankSettings settings;
  settings.place = *place_of(flags);
  settings.transport = flags.transport;
  settings.real_compute = flags.compute == "real";
  settings.real_wires = flags.wires == "real";
  settings.repeats = flags.repeats;
  settings.heartbeat_s = flags.heartbeat_s;
  return on_gpu_ranks(flags) ? execute_on_gpu_ranks(plan, phase, count, settings, step)
                             : execute_on_ranks(plan, phase, count, settings, step);
}

std::optional<Execution> execute(Context& context, const RunFlags& flags, const spec::Plan& plan, cost::Phase phase,
                                 int count) {
  Progress progress(context, "running");
  const auto step = [&](double fraction) { progress.update(fraction); };
  if (flags.backend == "cuda" && !on_gpu_ranks(flags))
    return execute_on_gpus(plan, phase, count,
                           {flags.transport, flags.repeats, stage_slices(plan, flags.slices), flags.wires == "replay"},
                           step);
  if (flags.transport != "threads") return execute_as_rank(flags, plan, phase, count, step);
  return flags.compute == "real" ? execute_real(plan, phase, count, flags.repeats, step)
                                 : execute_replay(plan, phase, count, flags.repeats, step);
}

/// Of as many replicas as there are GPUs, or cores that compute, for.
int ranks_here(const RunFlags& flags, const spec::Plan& plan) {
  const int ranks = on_gpu_ranks(flags) ? gpu_rank_count(plan) : rank_count(plan);
  const int cores = flags.compute == "real" ? static_cast<int>(exec::allowed_cores().size()) : 0;
  return ranks * replicas_for(plan, ranks, on_gpu_ranks(flags) ? exec::cuda_machine().devices : cores);
}

/// Starts this command once for every stage of the plan, or every GPU.
void launch(Context& context, const RunFlags& flags, const spec::Plan& plan) {
  if (flags.transport == "mpi") throw Unavailable(not_under_mpirun(rank_count(plan)));
  if (flags.backend == "host" && flags.compute == "real") check_runs_here(plan, rank_count(plan));
  exec::launch::LocalRanks ranks;
  ranks.size = ranks_here(flags, plan);
  ranks.command = context.command_line;
  ranks.stopped_s = 3 * flags.heartbeat_s;
  context.status = exec::launch::run_local_ranks(ranks);
}

void show(Context& context, const RunFlags& flags, const spec::Plan& plan, cost::Phase phase, int count,
          const Execution& execution) {
  if (!flags.trace.empty())
    input::write_text(flags.trace, traces::chrome_trace(execution.measured.front()).dump() + "\n");
  if (!flags.html.empty()) input::write_text(flags.html, run_page(flags, plan, execution, count));
  if (!flags.out.empty()) input::write_text(flags.out, traces::to_json(execution.measured.front()).dump(1) + "\n");
  const bool times_count = !execution.gpus || !execution.gpus->correctness_only;
  const bool holds =
      (!times_count || execution.comparison.holds(flags.tolerance)) && execution.outputs_match.value_or(true);
  context.status = holds ? exit_done : exit_disagrees;
  if (context.json()) return print_json(run_document(flags, plan, execution, count, holds));
  print_text(fmt::format("{} {} of {}, partition {}; costs {} under {}\n\n", count,
                         phase == cost::Phase::prefill ? "micro-batches of prefill" : "decode rounds", plan.model.name,
                         fmt::join(plan.partition, ","), plan.provenance.costs, plan.provenance.engine));
  print_text(report::comparison_text(execution.comparison));
  print_text(drift_text(execution.drift, execution.comparison.median_makespan_s));
  if (execution.gpus) print_text("\n" + gpu_text(*execution.gpus));
  print_text("\n" + replicas_text(execution) + verdict_line(flags, execution, holds));
}

void print(Context& context, const RunFlags& given) {
  const RunFlags flags = written_out(given);
  check(flags);
  if (flags.plan.empty() == flags.training.schedule.empty())
    throw input::InputError("run: expected one of --plan FILE and --schedule FILE");
  if (!flags.training.schedule.empty()) return run_schedule_file(context, schedule_flags(flags));
  const spec::Plan plan = plan_of(flags);
  const cost::Phase phase = parse_phase(flags.phase);
  const int count = count_of(plan, phase, flags.micro_batches);
  const bool as_ranks = on_gpu_ranks(flags) || (flags.backend == "host" && flags.transport != "threads");
  if (as_ranks && !place_of(flags)) return launch(context, flags, plan);
  try {
    const std::optional<Execution> ended = execute(context, flags, plan, phase, count);
    if (ended) show(context, flags, plan, phase, count, *ended);
  } catch (const exec::StagesTooLarge& error) {
    print_too_large(context, flags, plan, error);
  }
}

}  // namespace

void add_run(CLI::App& app, Context& context) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App* command = app.add_subcommand("run", "execute a plan and hold it against its prediction");
  add_options(*command, *flags);
  command->callback([flags, &context] { print(context, *flags); });
}

}  // namespace ppplan::tools
