// A plan as text to paste: a shell command, a container, a cluster's description, another engine's server.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "planner/spec/plan.h"

namespace ppplan::engines {

enum class Emit { shell, docker, k8s, sglang };

/// "shell", "docker", "k8s", "sglang"; nothing for another word.
std::optional<Emit> emit_kind(std::string_view name);

/// Complete text that ends with a line's end. shell, docker and sglang are POSIX shell: one command for one node; for
/// several, a script that starts the part of $NODE_RANK and reads the head's address from $HEAD_ADDR. k8s is YAML: a
/// Deployment and a Service for one node; for several, a StatefulSet of one pod each and a headless Service.
std::string emit(const spec::Plan& plan, Emit kind);

}  // namespace ppplan::engines
