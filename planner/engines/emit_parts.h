// The single emitters behind emit.h, and what they share.
#pragma once

#include <string>

#include "planner/engines/launch_nodes.h"

namespace ppplan::engines {

std::string emit_shell(const spec::Plan& plan);
std::string emit_docker(const spec::Plan& plan);
std::string emit_k8s(const spec::Plan& plan);
std::string emit_sglang(const spec::Plan& plan);

/// "vllm/vllm-openai:v0.26.0".
std::string server_image(const std::string& version);

}  // namespace ppplan::engines
