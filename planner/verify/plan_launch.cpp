#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <sstream>

#include "planner/verify/claim.h"
#include "planner/verify/plan_claims.h"

namespace ppplan::verify {
namespace {

/// The word after `flag`, or after "flag=", "" without it.
std::string value_of(const std::string& command, const std::string& flag) {
  std::istringstream words(command);
  for (std::string word; words >> word;) {
    if (word == flag) return words >> word ? word : "";
    if (word.starts_with(flag + "=")) return word.substr(flag.size() + 1);
  }
  return "";
}

void compare_flag(Claim& claim, const std::string& command, const std::string& flag, std::int64_t planned,
                  bool may_lack) {
  const std::string value = value_of(command, flag);
  if (value.empty() && may_lack) return;
  claim.require(flag, value == std::to_string(planned),
                value.empty() ? "no such flag" : fmt::format("{} where the plan has {}", value, planned));
}

Check command_claim(const PlanFacts& plan, const std::string& command) {
  Claim claim("the command's flags say what the plan says");
  compare_flag(claim, command, "--pipeline-parallel-size", plan.pp, plan.pp == 1);
  compare_flag(claim, command, "--tensor-parallel-size", plan.tp, plan.tp == 1);
  compare_flag(claim, command, "--data-parallel-size", plan.dp, plan.dp == 1);
  compare_flag(claim, command, "--max-model-len", plan.max_model_len, false);
  compare_flag(claim, command, "--max-num-batched-tokens", plan.max_num_batched_tokens, false);
  compare_flag(claim, command, "--max-num-seqs", plan.max_num_seqs, false);
  const std::string share = value_of(command, "--gpu-memory-utilization");
  double utilization = -1;
  std::istringstream(share) >> utilization;
  // The command prints six digits.
  claim.require("--gpu-memory-utilization", std::abs(utilization - plan.gpu_memory_utilization) <= 1e-6,
                share.empty() ? "no such flag" : share);
  return claim.check();
}

Check partition_claim(const PlanFacts& plan, const input::Node& env) {
  Claim claim("VLLM_PP_LAYER_PARTITION is the partition");
  const auto value = env.find("VLLM_PP_LAYER_PARTITION");
  const std::string expected = fmt::format("{}", fmt::join(plan.partition, ","));
  if (value)
    claim.require("", value->text() == expected, fmt::format("\"{}\" for the partition {}", value->text(), expected));
  if (!value && plan.pp > 1) claim.require("", false, "none for the partition " + expected);
  return claim.check();
}

}  // namespace

void add_launch_claims(const PlanFacts& plan, const input::Node& launch, Checks& checks) {
  checks.push_back(partition_claim(plan, launch.at("env")));
  checks.push_back(command_claim(plan, launch.at("command").text()));
}

}  // namespace ppplan::verify
