// ppplan run: executes a plan and shows predicted against measured.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "exec/cores.h"
#include "exec/groups/mpi_world.h"
#include "exec/launch/local_ranks.h"
#include "exec/machine_facts.h"
#include "planner/input/input_error.h"
#include "planner/report/report_json.h"
#include "planner/report/report_text.h"
#include "planner/spec/plan_json.h"
#include "tools/ppplan/commands.h"
#include "tools/ppplan/executed_gpu_ranks.h"
#include "tools/ppplan/executed_gpus.h"
#include "tools/ppplan/executed_parts.h"
#include "tools/ppplan/executed_ranks.h"
#include "tools/ppplan/executor_gap.h"
#include "tools/ppplan/gpu_json.h"
#include "tools/ppplan/inputs.h"
#include "tools/ppplan/page.h"
#include "tools/ppplan/phase.h"
#include "tools/ppplan/rank_world.h"
#include "tools/ppplan/replica_ranks.h"
#include "tools/ppplan/schedule_run.h"
#include "tools/ppplan/stage_slices.h"
#include "traces/timeline_json.h"

namespace ppplan::tools {
namespace {

struct Flags {
  ScheduleRunFlags training;  // with training.schedule set, a schedule is run and not a plan
  std::string plan, backend = "host", transport = "threads", compute = "real", phase = "prefill", trace, html, out;
  std::vector<std::string> profiles;
  std::optional<int> micro_batches;
  std::string slices;  // "", "auto" or sizes
  int repeats = 3;
  double tolerance = 0.10;
  std::string wires;  // "" = as compute
  double heartbeat_s = 1;
  bool local = false;
  bool one_process = false;
};

/// `--backend tcp` is short for two flags.
Flags written_out(Flags flags) {
  if (flags.backend == "tcp" && flags.transport == "threads") flags.transport = "tcp";
  if (flags.backend == "tcp") flags.backend = "host";
  if (flags.backend == "cuda" && flags.transport == "threads") flags.transport = "local";
  if (flags.wires.empty()) flags.wires = flags.compute;
  return flags;
}

bool on_gpu_ranks(const Flags& flags) {
  return flags.backend == "cuda" && flags.transport == "nccl" && !flags.one_process;
}

void check_on_gpus(const Flags& flags) {
  check_has_gpu();
  if (!flags.training.schedule.empty())
    throw Unavailable("--backend cuda: a training schedule runs on the host backend alone");
  if (flags.compute != "real")
    throw input::InputError("--compute", "", "real with --backend cuda", "'" + flags.compute + "'");
  if (flags.transport == "tcp" || flags.transport == "mpi")
    throw Unavailable(fmt::format("--transport {}: the CUDA backend has local and nccl", flags.transport));
  if (!flags.slices.empty() && on_gpu_ranks(flags))
    throw input::InputError("--slices", "", "--transport local beside it: all stages in one process",
                            "--transport nccl");
  if (flags.wires == "replay" && on_gpu_ranks(flags))
    throw input::InputError("--wires replay", "", "--transport local beside it: all stages in one process",
                            "--transport nccl");
}

void check(const Flags& flags) {
  const auto one_of = [](const std::string& value, std::initializer_list<const char*> known, const std::string& flag) {
    std::string names;
    for (const char* name : known) {
      if (value == name) return;
      names += (names.empty() ? "" : ", ") + std::string(name);
    }
    throw input::InputError(flag, "", "one of " + names, "'" + value + "'");
  };
  one_of(flags.backend, {"host", "cuda", "tcp"}, "--backend");
  one_of(flags.transport, {"threads", "tcp", "mpi", "local", "nccl"}, "--transport");
  one_of(flags.compute, {"real", "replay"}, "--compute");
  one_of(flags.wires, {"", "real", "replay"}, "--wires");
  if (flags.backend == "cuda") check_on_gpus(flags);
  if (flags.backend != "cuda" && !flags.slices.empty())
    throw input::InputError("--slices", "", "--backend cuda beside it", "--backend " + flags.backend);
  if (flags.transport == "mpi" && !exec::groups::mpi_is_built())
    throw Unavailable("--transport mpi: this build found no MPI library; use --transport tcp");
  if (flags.backend == "host" && (flags.transport == "local" || flags.transport == "nccl"))
    throw Unavailable(fmt::format("--transport {}: the host backend has threads, tcp and mpi", flags.transport));
  if (flags.transport == "threads" && flags.wires == "real" && flags.compute == "replay")
    throw input::InputError("--wires real: expected --transport tcp or mpi, replay on threads has no wires");
  if (!(flags.heartbeat_s > 0))
    throw input::InputError("--heartbeat", "", "a time above 0 s", fmt::format("{}", flags.heartbeat_s));
  if (flags.repeats < 1)
    throw input::InputError("--repeats", "", "a whole number of at least 1", std::to_string(flags.repeats));
  if (!(flags.tolerance > 0))
    throw input::InputError("--tolerance", "", "a fraction above 0", fmt::format("{}", flags.tolerance));
}

/// Nothing where the ranks are to be started here.
std::optional<exec::launch::JobPlace> place_of(const Flags& flags) {
  const auto place = exec::launch::job_place(exec::launch::process_environment);
  return place && flags.local && place->launcher != "ppplan" ? std::nullopt : place;
}

spec::Plan plan_of(const Flags& flags) {
  spec::Plan plan = spec::plan_from_json(input::read_document(flags.plan).root());
  if (flags.profiles.empty()) return plan;
  cost::CostBook book = book_from(flags.profiles);
  cost::assess_times(plan, book);
  return plan;
}

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

input::Json document(const Flags& flags, const spec::Plan& plan, const Execution& execution, int count, bool holds) {
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

/// Of a run that did not begin.
input::Json too_large_document(const Flags& flags, const spec::Plan& plan, const exec::StagesTooLarge& error) {
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

void print_too_large(Context& context, const Flags& flags, const spec::Plan& plan, const exec::StagesTooLarge& error) {
  context.status = exit_does_not_fit;
  if (context.json()) return print_json(too_large_document(flags, plan, error));
  print_text(fmt::format("OOM: {}\n", error.what()));
}

std::string verdict_line(const Flags& flags, const Execution& execution, bool holds) {
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
        "replayed {:.3g} times slower, so that the median operation lasts 5 ms; times above are scaled back\n",
        execution.scale);
  return out;
}

std::string page(const Flags& flags, const spec::Plan& plan, const Execution& execution, int count) {
  return page_of(execution.predicted, &execution.measured.front(), plan.model.name + ", predicted and measured",
                 {{"partition", fmt::format("{}", fmt::join(plan.partition, ","))},
                  {"phase", fmt::format("{}, {}", flags.phase, count)},
                  {"backend", flags.backend + ", " + flags.compute},
                  {"costs", plan.provenance.costs + " under " + plan.provenance.engine},
                  {"measured", fmt::format("the first of {} runs", flags.repeats)}});
}

/// The flags that plans and schedules share.
ScheduleRunFlags schedule_flags(const Flags& flags) {
  if (!flags.html.empty())
    throw input::InputError("--html: expected a run of --plan; of a schedule, simulate --schedule writes the page");
  if (flags.transport != "threads")
    throw input::InputError("--transport: expected threads beside --schedule, found '" + flags.transport + "'");
  ScheduleRunFlags out = flags.training;
  out.compute = flags.compute;
  out.trace = flags.trace;
  out.out = flags.out;
  out.repeats = flags.repeats;
  out.tolerance = flags.tolerance;
  return out;
}

/// On ranks of a job; nothing where this process is another rank than 0.
std::optional<Execution> execute_as_rank(const Flags& flags, const spec::Plan& plan, cost::Phase phase, int count,
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

std::optional<Execution> execute(Context& context, const Flags& flags, const spec::Plan& plan, cost::Phase phase,
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
int ranks_here(const Flags& flags, const spec::Plan& plan) {
  const int ranks = on_gpu_ranks(flags) ? gpu_rank_count(plan) : rank_count(plan);
  const int cores = flags.compute == "real" ? static_cast<int>(exec::allowed_cores().size()) : 0;
  return ranks * replicas_for(plan, ranks, on_gpu_ranks(flags) ? exec::cuda_machine().devices : cores);
}

/// Starts this command once for every stage of the plan, or every GPU.
void launch(Context& context, const Flags& flags, const spec::Plan& plan) {
  if (flags.transport == "mpi") throw Unavailable(not_under_mpirun(rank_count(plan)));
  if (flags.backend == "host" && flags.compute == "real") check_runs_here(plan, rank_count(plan));
  exec::launch::LocalRanks ranks;
  ranks.size = ranks_here(flags, plan);
  ranks.command = context.command_line;
  ranks.stopped_s = 3 * flags.heartbeat_s;
  context.status = exec::launch::run_local_ranks(ranks);
}

void show(Context& context, const Flags& flags, const spec::Plan& plan, cost::Phase phase, int count,
          const Execution& execution) {
  if (!flags.trace.empty())
    input::write_text(flags.trace, traces::chrome_trace(execution.measured.front()).dump() + "\n");
  if (!flags.html.empty()) input::write_text(flags.html, page(flags, plan, execution, count));
  if (!flags.out.empty()) input::write_text(flags.out, traces::to_json(execution.measured.front()).dump(1) + "\n");
  const bool times_count = !execution.gpus || !execution.gpus->correctness_only;
  const bool holds =
      (!times_count || execution.comparison.holds(flags.tolerance)) && execution.outputs_match.value_or(true);
  context.status = holds ? exit_done : exit_disagrees;
  if (context.json()) return print_json(document(flags, plan, execution, count, holds));
  print_text(fmt::format("{} {} of {}, partition {}; costs {} under {}\n\n", count,
                         phase == cost::Phase::prefill ? "micro-batches of prefill" : "decode rounds", plan.model.name,
                         fmt::join(plan.partition, ","), plan.provenance.costs, plan.provenance.engine));
  print_text(report::comparison_text(execution.comparison));
  print_text(drift_text(execution.drift, execution.comparison.median_makespan_s));
  if (execution.gpus) print_text("\n" + gpu_text(*execution.gpus));
  print_text("\n" + replicas_text(execution) + verdict_line(flags, execution, holds));
}

void print(Context& context, const Flags& given) {
  const Flags flags = written_out(given);
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
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("run", "execute a plan and hold it against its prediction");
  command->add_option("--plan", flags->plan, "a plan or search document");
  command->add_option("--schedule", flags->training.schedule, "a training schedule, a ppplan/schedule/1 document");
  command->add_option("--model", flags->training.model, "what a schedule trains with --compute real");
  command->add_option("--partition", flags->training.partition, "layers of each stage of a schedule (even)");
  command->add_option("--dp", flags->training.dp, "replicas of a schedule with --compute real")->capture_default_str();
  command->add_option("--sequences", flags->training.sequences, "of a micro-batch of a schedule")
      ->capture_default_str();
  command->add_option("--isl", flags->training.isl, "tokens of such a sequence")->capture_default_str();
  command->add_option("--backend", flags->backend, "host or cuda")->capture_default_str();
  command
      ->add_option(
          "--transport", flags->transport,
          "threads of this process, tcp or mpi: a process for each stage; of cuda: local, all stages in one process, "
          "or nccl, a process for each GPU")
      ->capture_default_str();
  command->add_option("--slices", flags->slices,
                      "cuda: multiprocessors of one GPU for each stage, such as 32,64, or auto: those of the plan's "
                      "devices, which profile --slice named");
  command->add_option("--compute", flags->compute, "real, or replay of the predicted durations")->capture_default_str();
  command->add_option("--wires", flags->wires,
                      "tcp: real messages, or replay of their predicted durations (as --compute); cuda: replay makes "
                      "messages of one process last as long as the plan's links would");
  command
      ->add_option("--heartbeat", flags->heartbeat_s,
                   "tcp, nccl: seconds between signs of life; three missed are a death")
      ->capture_default_str();
  command->add_flag("--one-process", flags->one_process, "nccl: all stages in this process, on one GPU each");
  command->add_flag("--local", flags->local, "tcp, nccl: start all ranks on this host, whatever launcher runs");
  command->add_option("--phase", flags->phase, "prefill or decode")->capture_default_str();
  command->add_option("--micro-batches", flags->micro_batches, "micro-batches of prefill (4 pp), or decode rounds (8)");
  command->add_option("--repeats", flags->repeats, "runs to take the median of")->capture_default_str();
  command->add_option("--tolerance", flags->tolerance, "largest error that passes, as a fraction")
      ->capture_default_str();
  command->add_option("--profile", flags->profiles, "costs to predict with instead of the plan's own; repeatable");
  command->add_option("--trace", flags->trace, "write a Chrome/Perfetto trace of the first run");
  command->add_option("--html", flags->html, "write a report to look at in a browser, with the first run");
  command->add_option("--out", flags->out, "write the timeline of the first run");
  command->callback([flags, &context] { print(context, *flags); });
}

}  // namespace ppplan::tools
