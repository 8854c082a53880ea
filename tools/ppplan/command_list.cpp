// ppplan list: what the catalog knows.
#include <fmt/format.h>

#include <memory>

#include "planner/catalog/catalog.h"
#include "planner/engines/vllm_rules.h"
#include "planner/input/input_error.h"
#include "planner/spec/gpu_kind.h"
#include "planner/spec/read_model.h"
#include "tools/ppplan/commands.h"
#include "tools/ppplan/profile_text.h"
#include "traces/profile_json.h"

namespace ppplan::tools {
namespace {

void list_models(const Context& context) {
  input::Json rows = input::Json::array();
  std::string text =
      fmt::format("{:<36} {:>6} {:>6} {:>9}  {}\n", "model", "layers", "hidden", "params", "architecture");
  for (const std::string& name : spec::known_models()) {
    const spec::ModelSpec model = spec::read_model(name);
    const double billions = static_cast<double>(spec::parameters(model)) / 1e9;
    text += fmt::format("{:<36} {:>6} {:>6} {:>7.2f} B  {}\n", name, model.layers.size(), model.hidden, billions,
                        model.architecture);
    rows.push_back({{"name", name},
                    {"num_layers", model.layers.size()},
                    {"hidden", model.hidden},
                    {"parameters", spec::parameters(model)},
                    {"architecture", model.architecture}});
  }
  if (!context.json()) return print_text(text);
  print_json({{"format", "ppplan/list/1"},
              {"inputs", {{"what", "models"}, {"assumed", input::Json::array()}}},
              {"models", rows}});
}

/// CUDA's "8.9", AMD's "gfx942", "-" for what has neither.
std::string capability_text(const spec::GpuKind& kind) {
  const int capability = kind.device.compute_capability;
  if (capability > 0) return fmt::format("{}.{}", capability / 10, capability % 10);
  return kind.architecture.empty() ? "-" : kind.architecture;
}

std::string link_text(const spec::Attachment& link) {
  if (link.nvlink_bytes_per_s > 0) return fmt::format("NVLink {:.0f} GB/s", link.nvlink_bytes_per_s / 1e9);
  if (link.pcie_lanes > 0) return fmt::format("PCIe {} x{}", link.pcie_generation, link.pcie_lanes);
  return "memory";
}

std::string gpu_row(const std::string& name, const spec::GpuKind& kind) {
  const spec::Device& device = kind.device;
  const auto tera = [](double rate) { return rate > 0 ? fmt::format("{:.0f}", rate / 1e12) : std::string("-"); };
  return fmt::format("{:<16} {:>7.2f} {:>6.0f} {:>6} {:>6} {:>6} {:>7}  {}\n", name,
                     static_cast<double>(device.memory_bytes) / (1 << 30), device.memory_bytes_per_s / 1e9,
                     tera(device.bf16_flops_per_s), tera(device.fp8_flops_per_s), tera(device.fp4_flops_per_s),
                     capability_text(kind), link_text(kind.attachment));
}

input::Json gpu_json(const std::string& name, const spec::GpuKind& kind) {
  const spec::Device& device = kind.device;
  return {{"name", name},
          {"memory_bytes", device.memory_bytes},
          {"nvidia_smi_bytes", kind.nvidia_smi_bytes},
          {"memory_bytes_per_s", device.memory_bytes_per_s},
          {"bf16_flops_per_s", device.bf16_flops_per_s},
          {"fp16_flops_per_s", device.fp16_flops_per_s},
          {"fp8_flops_per_s", device.fp8_flops_per_s},
          {"int8_flops_per_s", device.int8_flops_per_s},
          {"fp4_flops_per_s", device.fp4_flops_per_s},
          {"compute_capability", capability_text(kind)},
          {"assumed", kind.assumed}};
}

void list_gpus(const Context& context) {
  input::Json rows = input::Json::array();
  std::string text = fmt::format("{:<16} {:>7} {:>6} {:>6} {:>6} {:>6} {:>7}  {}\n", "gpu", "GiB", "GB/s", "bf16",
                                 "fp8", "fp4", "cc", "link");
  for (const auto& [name, kind] : spec::catalog_gpus()) {
    text += gpu_row(name, kind);
    rows.push_back(gpu_json(name, kind));
  }
  if (!context.json())
    return print_text(text +
                      "GiB: memory as CUDA reports it; bf16, fp8, fp4: dense TFLOP/s of the datasheet; link: what it "
                      "delivers; sources in --format json\n");
  print_json({{"format", "ppplan/list/1"},
              {"inputs", {{"what", "gpus"}, {"assumed", input::Json::array()}}},
              {"gpus", rows},
              {"catalog", catalog::gpus().json()}});
}

void list_profiles(const Context& context) {
  input::Json rows = input::Json::array();
  std::string text;
  for (const std::string& name : traces::shipped_profile_names()) {
    const traces::Profile profile = traces::shipped_profile(name);
    text += (text.empty() ? "" : "\n") + name + "\n" + profile_text(profile);
    input::Json errors = input::Json::array();
    for (const auto& e : profile.errors)
      errors.push_back({{"op", e.op},
                        {"dtype", e.dtype},
                        {"range", e.range},
                        {"held_out", e.what},
                        {"samples", e.samples},
                        {"median", e.median},
                        {"p90", e.p90}});
    rows.push_back({{"name", name}, {"engine", profile.engine}, {"device", profile.device}, {"errors", errors}});
  }
  if (!context.json()) return print_text(text);
  print_json({{"format", "ppplan/list/1"},
              {"inputs", {{"what", "profiles"}, {"assumed", input::Json::array()}}},
              {"profiles", rows}});
}

void list_vllm(const Context& context) {
  if (context.json())
    return print_json({{"format", "ppplan/list/1"},
                       {"inputs", {{"what", "vllm"}, {"assumed", input::Json::array()}}},
                       {"vllm", catalog::vllm().json()}});
  std::string text = "vLLM versions whose rules are known, oldest first:\n";
  for (const std::string& version : engines::known_vllm()) text += "  " + version + "\n";
  print_text(text);
}

void print(const Context& context, const std::string& what) {
  if (what == "models") return list_models(context);
  if (what == "gpus") return list_gpus(context);
  if (what == "profiles") return list_profiles(context);
  if (what == "vllm") return list_vllm(context);
  throw input::InputError("list", "", "one of models, gpus, profiles, vllm", "'" + what + "'");
}

}  // namespace

void add_list(CLI::App& app, Context& context) {
  auto what = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("list", "what the catalog knows: models, gpus, profiles or vllm");
  command->add_option("what", *what, "models, gpus, profiles or vllm")->required();
  command->callback([what, &context] { print(context, *what); });
}

}  // namespace ppplan::tools
