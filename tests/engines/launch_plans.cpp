#include "tests/engines/launch_plans.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "planner/spec/read_model.h"

namespace ppplan::engines {
namespace {

/// Layers as even as they go, the last stage one lighter.
std::vector<int> lighter_last(int layers, int stages) {
  std::vector<int> out(static_cast<std::size_t>(stages), layers / stages);
  out.front() += layers % stages;
  if (stages > 1) {
    out.front() += 1;
    out.back() -= 1;
  }
  return out;
}

}  // namespace

spec::Plan plan_on(const std::vector<Card>& cards, spec::Parallel parallel, std::vector<int> order) {
  spec::Plan plan;
  plan.model = spec::read_model("llama8b");
  plan.parallel = parallel;
  plan.partition = lighter_last(static_cast<int>(plan.model.layers.size()), parallel.pp);
  for (const Card& card : cards) {
    spec::Device device;
    device.name = card.name;
    device.node = card.node;
    device.memory_bytes = device.free_bytes = std::int64_t{24} << 30;
    plan.cluster.devices.push_back(device);
  }
  for (int i = 0; order.size() < static_cast<std::size_t>(parallel.pp * parallel.tp * parallel.dp); ++i)
    order.push_back(i);
  plan.stages.resize(static_cast<std::size_t>(parallel.pp));
  auto rank = order.begin();
  for (int replica = 0; replica < parallel.dp; ++replica)
    for (spec::Stage& stage : plan.stages) {
      stage.devices.emplace_back(rank, rank + parallel.tp);
      rank += parallel.tp;
    }
  plan.provenance.vllm = "0.26";
  return plan;
}

ShellRun run_shell(const std::string& script, const std::string& options) {
  const std::string path = testing::TempDir() + "ppplan_launch_" + std::to_string(std::hash<std::string>()(script));
  std::ofstream(path) << script;
  ShellRun run;
  FILE* pipe = popen(("/bin/sh " + options + " '" + path + "' 2>&1").c_str(), "r");
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) run.out += static_cast<char>(c);
  run.status = pclose(pipe);
  std::remove(path.c_str());
  return run;
}

std::string fake_programs() {
  return "show() {\n"
         "  for name in CUDA_DEVICE_ORDER CUDA_VISIBLE_DEVICES SGLANG_PP_LAYER_PARTITION VLLM_PP_LAYER_PARTITION; do\n"
         "    eval \"value=\\${$name-}\"\n"
         "    [ -z \"$value\" ] || printf '%s=%s\\n' \"$name\" \"$value\"\n"
         "  done\n"
         "  printf '%s\\n' \"$@\"\n"
         "}\n"
         "vllm() { show vllm \"$@\"; }\npython() { show python \"$@\"; }\n"
         "docker() { show docker \"$@\"; }\nray() { show ray \"$@\"; }\n";
}

}  // namespace ppplan::engines
