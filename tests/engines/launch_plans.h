// Plans to launch, and a shell to run their text in.
#pragma once

#include <string>
#include <vector>

#include "planner/spec/plan.h"

namespace ppplan::engines {

/// A plan of llama8b over these nodes' cards, one a stage unless tp says otherwise, in the order of `cards`.
struct Card {
  std::string name;
  int node = 0;
};
/// `order[rank]` is the card of a rank (replica, stage, tensor-parallel rank); all cards in order when empty.
spec::Plan plan_on(const std::vector<Card>& cards, spec::Parallel parallel, std::vector<int> order = {});

/// What /bin/sh prints for this script, both streams; `options` as "-n".
struct ShellRun {
  std::string out;
  int status = 0;
};
ShellRun run_shell(const std::string& script, const std::string& options = "");

/// Functions in place of vllm, python, docker and ray that print their environment and words, one a line.
std::string fake_programs();

}  // namespace ppplan::engines
