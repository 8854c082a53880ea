// Bounds that hold for every simulation of the stated costs. T[s] = time of stage s for the batch, C cohorts, p stages:
//   round   C max T, and sum T + token return, <= tpot <= C (sum T + transfers + token return)
//   ttft    of the chunks of one prompt: max over s of the chunks' sum of T[s], and sum of the last chunk's T, <= ttft
//   <= all in turn prompt  the slowest stage's time of its chunks <= time per prompt <= all in turn, both shared by the
//   prompts of a batch output  dp O / (prompt + O tpot / running) bubble  busy / (p (1 - bubble)) = makespan of 8
//   rounds, between the lower bound and all in turn
// Where lower bounds stand, T counts times the batch's alone fraction: what it takes while the other stages idle.
// A transfer takes its latency and at most as long as if every replica, boundary and rank crossed the slowest link at
// once. A steady rate is read between two ends in a finite run, so that it may miss these bounds by the rate's own
// ripple: 1 %.
#include <algorithm>
#include <string>
#include <vector>

#include "planner/verify/claim.h"
#include "planner/verify/plan_claims.h"

namespace ppplan::verify {
namespace {

constexpr double ripple = 0.01;
constexpr double decode_rounds = 8;

struct Pass {
  double slowest_s = 0;  // largest stage, at least
  double least_s = 0;    // all stages, at least
  double compute_s = 0;  // all stages, at most
  double in_turn_s = 0;  // all stages and transfers, one after another, transfers at their worst
};

Pass pass_of(const PlanFacts& plan, const BatchFacts& batch) {
  Pass pass;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    pass.slowest_s = std::max(pass.slowest_s, batch.alone_fraction * stage_seconds(plan, batch, s));
    pass.compute_s += stage_seconds(plan, batch, s);
  }
  pass.least_s = batch.alone_fraction * pass.compute_s;
  pass.in_turn_s = pass.compute_s;
  for (std::size_t b = 0; b < batch.boundary_latency_s.size(); ++b) {
    pass.in_turn_s += batch.boundary_latency_s[b];
    if (plan.slowest_link_bytes_per_s > 0)
      pass.in_turn_s +=
          batch.boundary_bytes[b] * static_cast<double>(plan.dp * plan.pp) / plan.slowest_link_bytes_per_s;
  }
  return pass;
}

/// Of the chunks of one prompt, or the batch that holds several.
struct Prompt {
  double least_s = 0;       // the slowest stage's part of them
  double last_chunk_s = 0;  // compute of the last chunk on all stages
  double in_turn_s = 0;
  double shared_by = 1;  // prompts of the batch
};

Prompt prompt_of(const PlanFacts& plan) {
  Prompt prompt;
  std::vector<double> of_stage(plan.stages.size());
  for (std::size_t b = 0; b < plan.prefill_batches(); ++b) {
    for (std::size_t s = 0; s < of_stage.size(); ++s)
      of_stage[s] += plan.batches[b].alone_fraction * stage_seconds(plan, plan.batches[b], s);
    const Pass pass = pass_of(plan, plan.batches[b]);
    prompt.last_chunk_s = pass.least_s;
    prompt.in_turn_s += pass.in_turn_s;
    prompt.shared_by = static_cast<double>(plan.batches[b].sequences);
  }
  prompt.least_s = *std::max_element(of_stage.begin(), of_stage.end());
  return prompt;
}

Check tpot_claim(const PlanFacts& plan, double tpot) {
  Claim claim("time per output token is what a round of the stated costs can take");
  if (!plan.decodes()) return claim.equal("", tpot, 0.0).check();
  const Pass pass = pass_of(plan, plan.batches.back());
  const double back = plan.batches.back().token_return_s;
  const auto cohorts = static_cast<double>(decode_cohorts(plan));
  claim.within("", tpot, std::max(cohorts * pass.slowest_s, pass.least_s + back) * (1 - ripple),
               cohorts * (pass.in_turn_s + back) * (1 + ripple));
  return claim.check();
}

Check ttft_claim(const Prompt& prompt, double ttft) {
  Claim claim("time to first token is what the chunks of one prompt can take");
  claim.within("", ttft, std::max(prompt.least_s, prompt.last_chunk_s) * (1 - ripple), prompt.in_turn_s * (1 + ripple));
  return claim.check();
}

Check output_claim(const PlanFacts& plan, const Prompt& prompt, double output, double tpot) {
  Claim claim("output tokens/s follow from the time of a prompt and of a decode round");
  const double length = static_cast<double>(std::max<std::int64_t>(1, plan.output_tokens));
  const double running = plan.decodes() ? static_cast<double>(plan.batches.back().sequences * decode_cohorts(plan)) : 1;
  const double decode = plan.decodes() ? length * tpot / running : 0;
  const double wanted = static_cast<double>(plan.dp) * length;
  const double shortest = prompt.least_s / prompt.shared_by + decode;
  const double longest = prompt.in_turn_s / prompt.shared_by + decode;
  if (shortest > 0) claim.within("", output, wanted / longest * (1 - ripple), wanted / shortest * (1 + ripple));
  return claim.check();
}

Check total_claim(const PlanFacts& plan, double output, double total) {
  Claim claim("total tokens/s count the prompts' tokens in the workload's proportion");
  const double length = static_cast<double>(std::max<std::int64_t>(1, plan.output_tokens));
  claim.equal("", total, output * (static_cast<double>(plan.input_tokens) + length) / length);
  return claim.check();
}

Check bubble_claim(const PlanFacts& plan, double bubble, double bound) {
  Claim claim("bubble and lower bound agree with the stages' work in 8 decode rounds");
  claim.require("bubble", bubble >= 0 && bubble < 1, std::to_string(bubble));
  claim.require("bound", bound > 0, std::to_string(bound));
  if (!plan.decodes() || bubble >= 1) return claim.check();
  const Pass pass = pass_of(plan, plan.batches.back());
  const double batches = decode_rounds * static_cast<double>(decode_cohorts(plan));
  const double in_turn = batches * (pass.in_turn_s + plan.batches.back().token_return_s);
  const double lanes = static_cast<double>(plan.pp) * (1 - bubble);
  const double shortest = batches * pass.least_s / lanes, longest = batches * pass.compute_s / lanes;
  // Busy lies between its least and its most, so the makespan is known as an interval that must reach the bounds'.
  claim.within("makespan", std::clamp(in_turn, shortest, longest), batches * pass.slowest_s, in_turn);
  claim.within("bound", bound, batches * pass.slowest_s, longest);
  return claim.check();
}

Check uncertainty_claim(const input::Node& predicted) {
  Claim claim("every interval holds its value");
  const auto ranges = predicted.find("uncertainty");
  if (!ranges) return claim.check();
  for (const std::string& key : ranges->keys()) {
    const auto ends = ranges->at(key).items();
    if (ends.size() != 2) ranges->at(key).fail("[low, high]");
    claim.within(key, predicted.at(key).number(), ends[0].number(), ends[1].number());
  }
  return claim.check();
}

}  // namespace

void add_predicted_claims(const PlanFacts& plan, const input::Node& predicted, Checks& checks) {
  checks.push_back(uncertainty_claim(predicted));
  if (plan.prefill_batches() == 0) return;
  const Prompt prompt = prompt_of(plan);
  const double output = predicted.at("output_tokens_per_s").number(0);
  const double tpot = predicted.at("tpot_s").number(0);
  checks.push_back(tpot_claim(plan, tpot));
  checks.push_back(ttft_claim(prompt, predicted.at("ttft_s").number(0)));
  checks.push_back(output_claim(plan, prompt, output, tpot));
  checks.push_back(total_claim(plan, output, predicted.at("total_tokens_per_s").number(0)));
  checks.push_back(
      bubble_claim(plan, predicted.at("bubble_fraction").number(), predicted.at("lower_bound_s").number()));
}

}  // namespace ppplan::verify
