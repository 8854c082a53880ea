#include "planner/engines/launch_words.h"
#include "planner/engines/vllm_rules.h"
#include "planner/spec/read_model.h"

namespace ppplan::engines {

spec::Launch launch_line(const spec::Plan& plan) {
  Words words = {"vllm", "serve", spec::served_name(plan.model.name)};
  const Words flags = server_flags(plan);
  words.insert(words.end(), flags.begin(), flags.end());
  spec::Launch launch;
  launch.env = engine_environment(plan);
  const std::vector<int> nodes = nodes_by_rank(plan);
  if (nodes.size() == 1) launch.env.merge(device_environment(plan, nodes.front()));
  // One line starts several nodes only so, and a pipeline on engine V1 where another executor leaves it to V0.
  if (nodes.size() > 1 || (plan.engine.generation == "V1" && plan.parallel.pp > 1))
    words.insert(words.end(), {"--distributed-executor-backend", "ray"});
  launch.command = shell_words(words);
  return launch;
}

std::string shell_line(const spec::Launch& launch) { return shell_environment(launch.env) + launch.command; }

}  // namespace ppplan::engines
