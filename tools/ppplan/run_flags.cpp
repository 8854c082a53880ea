#include "tools/ppplan/run_flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>

#include "exec/groups/mpi_world.h"
#include "planner/input/input_error.h"
#include "tools/ppplan/context.h"
#include "tools/ppplan/executed_gpus.h"

namespace ppplan::tools {
namespace {

void check_on_gpus(const RunFlags& flags) {
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

/// Throws unless `value` is one of `known`.
void expect_one_of(std::initializer_list<const char*> known, const std::string& value, const std::string& flag) {
  if (std::ranges::find(known, value) == known.end())
    throw input::InputError(flag, "", fmt::format("one of {}", fmt::join(known, ", ")), "'" + value + "'");
}

void check_names(const RunFlags& flags) {
  expect_one_of({"host", "cuda", "tcp"}, flags.backend, "--backend");
  expect_one_of({"threads", "tcp", "mpi", "local", "nccl"}, flags.transport, "--transport");
  expect_one_of({"real", "replay"}, flags.compute, "--compute");
  expect_one_of({"", "real", "replay"}, flags.wires, "--wires");
}

void check_transport(const RunFlags& flags) {
  if (flags.backend == "cuda") check_on_gpus(flags);
  if (flags.backend != "cuda" && !flags.slices.empty())
    throw input::InputError("--slices", "", "--backend cuda beside it", "--backend " + flags.backend);
  if (flags.transport == "mpi" && !exec::groups::mpi_is_built())
    throw Unavailable("--transport mpi: this build found no MPI library; use --transport tcp");
  if (flags.backend == "host" && (flags.transport == "local" || flags.transport == "nccl"))
    throw Unavailable(fmt::format("--transport {}: the host backend has threads, tcp and mpi", flags.transport));
  if (flags.transport == "threads" && flags.wires == "real" && flags.compute == "replay")
    throw input::InputError("--wires real: expected --transport tcp or mpi, replay on threads has no wires");
}

void check_numbers(const RunFlags& flags) {
  if (!(flags.heartbeat_s > 0))
    throw input::InputError("--heartbeat", "", "a time above 0 s", fmt::format("{}", flags.heartbeat_s));
  if (flags.repeats < 1)
    throw input::InputError("--repeats", "", "a whole number of at least 1", std::to_string(flags.repeats));
  if (!(flags.tolerance > 0))
    throw input::InputError("--tolerance", "", "a fraction above 0", fmt::format("{}", flags.tolerance));
}

}  // namespace

RunFlags written_out(RunFlags flags) {
  if (flags.backend == "tcp" && flags.transport == "threads") flags.transport = "tcp";
  if (flags.backend == "tcp") flags.backend = "host";
  if (flags.backend == "cuda" && flags.transport == "threads") flags.transport = "local";
  if (flags.wires.empty()) flags.wires = flags.compute;
  return flags;
}

bool on_gpu_ranks(const RunFlags& flags) {
  return flags.backend == "cuda" && flags.transport == "nccl" && !flags.one_process;
}

void check(const RunFlags& flags) {
  check_names(flags);
  check_transport(flags);
  check_numbers(flags);
}

ScheduleRunFlags schedule_flags(const RunFlags& flags) {
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

void add_options(CLI::App& command, RunFlags& flags) {
  command.add_option("--plan", flags.plan, "a plan or search document");
  command.add_option("--schedule", flags.training.schedule, "a training schedule, a ppplan/schedule/1 document");
  command.add_option("--model", flags.training.model, "what a schedule trains with --compute real");
  command.add_option("--partition", flags.training.partition, "layers of each stage of a schedule (even)");
  command.add_option("--dp", flags.training.dp, "replicas of a schedule with --compute real")->capture_default_str();
  command.add_option("--sequences", flags.training.sequences, "of a micro-batch of a schedule")->capture_default_str();
  command.add_option("--isl", flags.training.isl, "tokens of such a sequence")->capture_default_str();
  command.add_option("--backend", flags.backend, "host or cuda")->capture_default_str();
  command
      .add_option(
          "--transport", flags.transport,
          "threads of this process, tcp or mpi: a process for each stage; of cuda: local, all stages in one process, "
          "or nccl, a process for each GPU")
      ->capture_default_str();
  command.add_option("--slices", flags.slices,
                     "cuda: multiprocessors of one GPU for each stage, such as 32,64, or auto: those of the plan's "
                     "devices, which profile --slice named");
  command.add_option("--compute", flags.compute, "real, or replay of the predicted durations")->capture_default_str();
  command.add_option("--wires", flags.wires,
                     "tcp: real messages, or replay of their predicted durations (as --compute); cuda: replay makes "
                     "messages of one process last as long as the plan's links would");
  command
      .add_option("--heartbeat", flags.heartbeat_s,
                  "tcp, nccl: seconds between signs of life; three missed are a death")
      ->capture_default_str();
  command.add_flag("--one-process", flags.one_process, "nccl: all stages in this process, on one GPU each");
  command.add_flag("--local", flags.local, "tcp, nccl: start all ranks on this host, whatever launcher runs");
  command.add_option("--phase", flags.phase, "prefill or decode")->capture_default_str();
  command.add_option("--micro-batches", flags.micro_batches, "micro-batches of prefill (4 pp), or decode rounds (8)");
  command.add_option("--repeats", flags.repeats, "runs to take the median of")->capture_default_str();
  command.add_option("--tolerance", flags.tolerance, "largest error that passes, as a fraction")->capture_default_str();
  command.add_option("--profile", flags.profiles, "costs to predict with instead of the plan's own; repeatable");
  command.add_option("--trace", flags.trace, "write a Chrome/Perfetto trace of the first run");
  command.add_option("--html", flags.html, "write a report to look at in a browser, with the first run");
  command.add_option("--out", flags.out, "write the timeline of the first run");
}

}  // namespace ppplan::tools
