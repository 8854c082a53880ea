// ppplan list: what the catalog knows.
#include <fmt/format.h>

#include <memory>

#include "planner/catalog/catalog.h"
#include "planner/engines/vllm_rules.h"
#include "planner/input/input_error.h"
#include "planner/spec/read_cluster.h"
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

void list_gpus(const Context& context) {
  input::Json rows = input::Json::array();
  std::string text =
      fmt::format("{:<16} {:>9} {:>11} {:>14} {:>14}\n", "gpu", "memory", "bandwidth", "bf16 dense", "fp8 dense");
  for (const std::string& name : spec::known_gpus()) {
    spec::ClusterFlags flags;
    flags.gpu = name;
    const spec::Device device = spec::read_cluster(flags).devices.front();
    const auto tera = [](double rate) {
      return rate > 0 ? fmt::format("{:.0f} TFLOP/s", rate / 1e12) : std::string("none");
    };
    text += fmt::format("{:<16} {:>5.1f} GiB {:>6.0f} GB/s {:>14} {:>14}\n", name,
                        static_cast<double>(device.memory_bytes) / (1 << 30), device.memory_bytes_per_s / 1e9,
                        tera(device.bf16_flops_per_s), tera(device.fp8_flops_per_s));
    rows.push_back({{"name", name},
                    {"memory_bytes", device.memory_bytes},
                    {"memory_bytes_per_s", device.memory_bytes_per_s},
                    {"bf16_flops_per_s", device.bf16_flops_per_s},
                    {"fp8_flops_per_s", device.fp8_flops_per_s}});
  }
  if (!context.json()) return print_text(text + "rates and memory are datasheet figures, links in --format json\n");
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
