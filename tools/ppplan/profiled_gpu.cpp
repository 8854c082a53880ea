#include "tools/ppplan/profiled_gpu.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "exec/cuda_profile.h"
#include "planner/input/input_error.h"
#include "planner/spec/read_model.h"
#include "tools/ppplan/executed_gpus.h"
#include "tools/ppplan/gpu_json.h"
#include "tools/ppplan/gpu_names.h"
#include "tools/ppplan/interrupt.h"
#include "tools/ppplan/kept_profile.h"
#include "tools/ppplan/profile_text.h"
#include "tools/ppplan/stage_slices.h"
#include "traces/profile_json.h"

namespace ppplan::tools {
namespace {

exec::CudaTransport transport_of(const std::string& name) {
  if (name == "nccl") return exec::CudaTransport::nccl;
  if (name.empty() || name == "local") return exec::CudaTransport::local;
  throw input::InputError("--transport", "", "local or nccl with --backend cuda", "'" + name + "'");
}

exec::CudaProfileOptions options_of(const GpuProfileFlags& flags, const spec::ModelSpec& model) {
  exec::CudaProfileOptions options;
  options.model = model;
  options.gpu = flags.gpu;
  options.slice = flags.slice;
  options.transport = transport_of(flags.transport);
  options.sizes.max_tokens = flags.max_tokens.value_or(options.sizes.max_tokens);
  options.sizes.max_batch = flags.max_batch.value_or(options.sizes.max_batch);
  options.sizes.max_kv = flags.max_kv.value_or(options.sizes.max_kv);
  options.max_message_bytes = flags.max_message_bytes.value_or(options.max_message_bytes);
  options.budget_s = flags.seconds.value_or(options.budget_s);
  options.warm_up_s = flags.warm_up_s.value_or(options.warm_up_s);
  return options;
}

/// Ctrl-C, between two points.
class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("interrupted") {}
};

exec::CudaProfile measured(Context& context, const exec::CudaProfileOptions& options) {
  const Interruptible guard;
  Progress progress(context, "measuring");
  const auto told = [&](double fraction, const std::string& what) {
    if (interrupted()) throw Interrupted();
    progress.update(fraction, what);
  };
  return with_what_gpus_have("--slice", [&] { return exec::profile_gpu(options, told); });
}

/// As it was called, without the program's folder.
std::string command_of(const Context& context) {
  return fmt::format("ppplan {}", fmt::join(context.command_line.begin() + 1, context.command_line.end(), " "));
}

void deliver(const Context& context, exec::CudaProfile& measured, const std::string& out, const KeptProfile& kept) {
  measured.profile.device = catalog_name(measured.profile.device);
  if (measured.slice > 0) measured.profile.device = slice_name(measured.profile.device, measured.slice);
  measured.profile.machine["command"] = command_of(context);
  input::Json document = traces::to_json(measured.profile);
  document["eager"] = input::Json::array();
  for (const traces::Operation& operation : measured.eager) document["eager"].push_back(traces::to_json(operation));
  document["gemms"] = gemms_json(measured.gemms, "group");
  kept.finish(traces::to_text(document));
  if (context.json()) return print_json(document);
  print_text(profile_text(measured.profile));
  if (!out.empty()) note(context, "wrote " + out);
}

}  // namespace

void profile_gpu(Context& context, const GpuProfileFlags& flags) {
  const spec::ModelSpec model = spec::read_model(flags.model);
  check_has_gpu();
  exec::CudaProfileOptions options = options_of(flags, model);
  KeptProfile kept(context, flags.out, model);
  options.keeper = kept.keeper();
  try {
    exec::CudaProfile profile = measured(context, options);
    deliver(context, profile, flags.out, kept);
  } catch (const Interrupted&) {
    note(context, kept.file().empty() ? "interrupted; without --out FILE nothing is kept"
                                      : "interrupted; the same command goes on from " + kept.file());
    context.status = exit_cut_short;
  } catch (const exec::StagesTooLarge& error) {
    note(context, std::string("one layer of each shape with its caches, as a stage: ") + error.what());
    context.status = exit_does_not_fit;
  }
}

}  // namespace ppplan::tools
