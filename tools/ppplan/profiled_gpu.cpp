#include "tools/ppplan/profiled_gpu.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "exec/cuda_profile.h"
#include "kernels/cuda/shared_library.h"
#include "kernels/cuda/slices_refused.h"
#include "planner/input/input_error.h"
#include "tools/ppplan/executed_gpus.h"
#include "tools/ppplan/gpu_json.h"
#include "tools/ppplan/gpu_names.h"
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

exec::CudaProfileOptions options_of(const GpuProfileFlags& flags) {
  exec::CudaProfileOptions options;
  options.model = flags.model;
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

exec::CudaProfile measured(Context& context, const exec::CudaProfileOptions& options) {
  Progress progress(context, "measuring");
  try {
    return exec::profile_gpu(options,
                             [&](double fraction, const std::string& what) { progress.update(fraction, what); });
  } catch (const kernels::cuda::LibraryMissing& error) {
    throw Unavailable(std::string("--backend cuda: ") + error.what());
  } catch (const kernels::cuda::SlicesRefused& error) {
    throw Unavailable(std::string("--slice: ") + error.what());
  }
}

/// As it was called, without the program's folder.
std::string command_of(const Context& context) {
  return fmt::format("ppplan {}", fmt::join(context.command_line.begin() + 1, context.command_line.end(), " "));
}

void deliver(const Context& context, exec::CudaProfile& measured, const std::string& out) {
  measured.profile.device = catalog_name(measured.profile.device);
  if (measured.slice > 0) measured.profile.device = slice_name(measured.profile.device, measured.slice);
  measured.profile.machine["command"] = command_of(context);
  input::Json document = traces::to_json(measured.profile);
  document["eager"] = input::Json::array();
  for (const traces::Operation& operation : measured.eager) document["eager"].push_back(traces::to_json(operation));
  document["gemms"] = gemms_json(measured.gemms, "group");
  if (!out.empty()) input::write_text(out, traces::to_text(document));
  if (context.json()) return print_json(document);
  print_text(profile_text(measured.profile));
  if (!out.empty()) note(context, "wrote " + out);
}

}  // namespace

void profile_gpu(Context& context, const GpuProfileFlags& flags) {
  check_has_gpu();
  try {
    exec::CudaProfile profile = measured(context, options_of(flags));
    deliver(context, profile, flags.out);
  } catch (const exec::StagesTooLarge& error) {
    note(context, std::string("one layer of each shape with its caches, as a stage: ") + error.what());
    context.status = exit_does_not_fit;
  }
}

}  // namespace ppplan::tools
