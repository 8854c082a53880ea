// ppplan profile: measures this machine's kernels and links, or imports measurements of others.
#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "exec/cores.h"
#include "exec/host_backend.h"
#include "exec/host_profiler.h"
#include "exec/launch/local_ranks.h"
#include "exec/machine_facts.h"
#include "exec/rank_link_probe.h"
#include "planner/input/input_error.h"
#include "planner/spec/read_model.h"
#include "tools/ppplan/commands.h"
#include "tools/ppplan/profile_import.h"
#include "tools/ppplan/profiled_gpu.h"
#include "tools/ppplan/rank_world.h"

namespace ppplan::tools {
namespace {

/// Those of a GPU's profile, of which the host's takes some.
struct MeasureFlags : GpuProfileFlags {
  std::string backend = "host";
  std::optional<int> cores;
};

exec::HostProfileOptions options_of(const MeasureFlags& flags) {
  if (flags.backend != "host") throw input::InputError("--backend", "", "host or cuda", "'" + flags.backend + "'");
  exec::HostProfileOptions options;
  options.model = spec::read_model(flags.model);
  const int allowed = static_cast<int>(exec::allowed_cores().size());
  const int cores = flags.cores.value_or(allowed);
  if (cores < 1 || cores > allowed)
    throw input::InputError("--cores", "", fmt::format("a number from 1 to the {} cores of this machine", allowed),
                            std::to_string(cores));
  options.cores = exec::allowed_cores();
  options.cores.resize(static_cast<std::size_t>(cores));
  options.budget_s = flags.seconds.value_or(options.budget_s);
  options.max_tokens = flags.max_tokens.value_or(options.max_tokens);
  options.max_batch = flags.max_batch.value_or(options.max_batch);
  options.max_kv = flags.max_kv.value_or(options.max_kv);
  options.max_message_bytes = flags.max_message_bytes.value_or(options.max_message_bytes);
  return options;
}

void check_times(const MeasureFlags& flags) {
  if (flags.seconds && !(*flags.seconds > 0))
    throw input::InputError("--seconds", "", "a time above 0 s", fmt::format("{}", *flags.seconds));
  if (flags.slice < 0)
    throw input::InputError("--slice", "", "multiprocessors of at least 0", std::to_string(flags.slice));
  if (flags.warm_up_s && !(*flags.warm_up_s >= 0))
    throw input::InputError("--warm-up", "", "a time of at least 0 s", fmt::format("{}", *flags.warm_up_s));
}

void measure(Context& context, const MeasureFlags& flags) {
  check_times(flags);
  if (flags.backend == "cuda") return profile_gpu(context, flags);
  const exec::HostProfileOptions options = options_of(flags);
  Progress progress(context, "measuring");
  const traces::Profile profile =
      exec::profile_host(options, [&](double fraction, const std::string& what) { progress.update(fraction, what); });
  deliver_profile(context, profile, flags.out);
}

/// On two ranks of a job; where no launcher runs, of two processes of this host. Rank 0 tells what they measured.
void measure_link(Context& context, const MeasureFlags& flags) {
  if (flags.transport != "tcp" && flags.transport != "mpi")
    throw input::InputError("--transport", "", "tcp or mpi", "'" + flags.transport + "'");
  const auto place = exec::launch::job_place(exec::launch::process_environment);
  if (!place && flags.transport == "mpi") throw Unavailable(not_under_mpirun(2));
  if (!place) {
    context.status = exec::launch::run_local_ranks({2, context.command_line});
    return;
  }
  if (place->size != 2)
    throw input::InputError(fmt::format("profile --transport: expected 2 ranks, found {}", place->size));
  Progress progress(context, "measuring");
  constexpr double deadline_s = 60;  // for the slowest message and the pauses between them
  traces::Profile profile;
  profile.engine = "ppplan " PPPLAN_VERSION;
  profile.device = "cpu-core";
  profile.machine = exec::machine_facts(exec::allowed_cores());
  profile.machine["transport"] = flags.transport;
  profile.links = exec::link_curve(*join_ranks(*place, {flags.transport, deadline_s}), {});
  if (place->rank == 0) deliver_profile(context, profile, flags.out);
}

}  // namespace

void add_profile(CLI::App& app, Context& context) {
  auto flags = std::make_shared<MeasureFlags>();
  CLI::App* command = app.add_subcommand("profile", "measure kernels and links of this machine into a profile");
  command->add_option("--backend", flags->backend, "host or cuda")->capture_default_str();
  command->add_option(
      "--transport", flags->transport,
      "tcp or mpi: the link between two ranks, instead of a model's layers; of cuda: local or nccl, what "
      "carries messages between two GPUs");
  command->add_option("--model", flags->model, "whose layers to measure");
  command->add_option("--seconds", flags->seconds, "how long to measure, about");
  command->add_option("--cores", flags->cores, "cores that a plan will keep busy (all)");
  command->add_option("--gpu-index", flags->gpu, "the GPU of this machine to measure")->capture_default_str();
  command->add_option("--slice", flags->slice, "cuda: measure on so many multiprocessors of the GPU (all)");
  command->add_option("--max-tokens", flags->max_tokens, "of a prefill micro-batch (512; of cuda: 4096)");
  command->add_option("--max-batch", flags->max_batch, "sequences of a decode step (32; of cuda: 128)");
  command->add_option("--max-kv", flags->max_kv, "tokens in the cache before the batch (1024; of cuda: 4096)");
  command->add_option("--max-message", flags->max_message_bytes,
                      "bytes of the largest message (16 MiB; of cuda: 256 MiB)");
  command->add_option("--warm-up", flags->warm_up_s, "cuda: seconds of work before the first sample (3)");
  command->add_option(
      "--out", flags->out,
      "write the profile. Of cuda, points are kept in OUT.partial until it is finished: the same command "
      "goes on from there after Ctrl-C, a kill or a power cut, and says what differs and starts anew on "
      "another machine, driver, model, version or slice; remove OUT.partial to start anew. A file that "
      "is no profile, or one of another model or device, is refused");
  command->require_subcommand(0, 1);
  add_profile_import(*command, context);
  command->callback([flags, command, &context] {
    if (!command->get_subcommands().empty()) return;
    if (!flags->transport.empty() && flags->backend != "cuda") return measure_link(context, *flags);
    if (flags->model.empty()) throw input::InputError("profile: expected --model, for example --model tiny");
    measure(context, *flags);
  });
}

}  // namespace ppplan::tools
