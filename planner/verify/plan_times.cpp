#include <fmt/format.h>

#include <algorithm>

#include "planner/verify/claim.h"
#include "planner/verify/plan_claims.h"

namespace ppplan::verify {
namespace {

bool all_match(const PlanFacts& plan, const BatchFacts& batch, double StageFacts::*stated) {
  for (std::size_t s = 0; s < plan.stages.size(); ++s)
    if (!same(plan.stages[s].*stated, stage_seconds(plan, batch, s))) return false;
  return true;
}

/// Prompts may run in several chunks; the stated times are those of one of them, the same on every stage.
Check prefill_claim(const PlanFacts& plan) {
  Claim claim("prefill times are the sums of layers and ends for one of the prefill batches");
  const auto end = plan.batches.begin() + static_cast<std::ptrdiff_t>(plan.prefill_batches());
  if (plan.batches.begin() == end) return claim.check();
  const auto matching = std::find_if(plan.batches.begin(), end, [&](const BatchFacts& batch) {
    return all_match(plan, batch, &StageFacts::prefill_s);
  });
  const BatchFacts& batch = matching == end ? *(end - 1) : *matching;
  for (std::size_t s = 0; s < plan.stages.size(); ++s)
    claim.equal(stage_name(s), plan.stages[s].prefill_s, stage_seconds(plan, batch, s));
  return claim.check();
}

Check decode_claim(const PlanFacts& plan) {
  Claim claim("decode times are the sums of layers and ends for the decode batch");
  for (std::size_t s = 0; s < plan.stages.size(); ++s)
    claim.equal(stage_name(s), plan.stages[s].decode_s,
                plan.decodes() ? stage_seconds(plan, plan.batches.back(), s) : 0.0);
  return claim.check();
}

Check balance_claim(const PlanFacts& plan, const input::Node& predicted) {
  Claim claim("balance is mean over largest stage time");
  if (plan.batches.empty()) return claim.check();
  const BatchFacts& batch = plan.decodes() ? plan.batches.back() : plan.batches.front();
  double sum = 0;
  double most = 0;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    sum += stage_seconds(plan, batch, s);
    most = std::max(most, stage_seconds(plan, batch, s));
  }
  claim.equal("", predicted.at("balance").number(),
              most > 0 ? sum / static_cast<double>(plan.stages.size()) / most : 1.0);
  return claim.check();
}

Check prefill_shape_claim(const PlanFacts& plan) {
  Claim claim(
      "prefill batches hold whole prompts, or the chunks of one prompt in order, within max_num_batched_tokens");
  std::int64_t past = 0;
  for (std::size_t b = 0; b < plan.prefill_batches(); ++b) {
    const BatchFacts& batch = plan.batches[b];
    const std::string place = fmt::format("batch {}", b);
    claim.equal(place + " begins", batch.past_tokens, past);
    claim.within(place + " tokens", static_cast<double>(batch.sequences * batch.new_tokens), 1,
                 static_cast<double>(plan.max_num_batched_tokens));
    claim.require(place, batch.sequences == 1 || plan.prefill_batches() == 1, "chunks of several prompts");
    past += batch.new_tokens;
  }
  if (plan.prefill_batches() > 0) claim.equal("tokens of a prompt", past, plan.input_tokens);
  return claim.check();
}

Check decode_shape_claim(const PlanFacts& plan) {
  Claim claim("a decode step brings one token each of sequences that max_num_seqs and the KV tokens allow");
  if (!plan.decodes()) return claim.check();
  const BatchFacts& batch = plan.batches.back();
  claim.equal("new tokens", batch.new_tokens, std::int64_t{1});
  claim.within("cached tokens", static_cast<double>(batch.past_tokens), static_cast<double>(plan.input_tokens),
               static_cast<double>(plan.input_tokens + plan.output_tokens));
  // Cohorts are rounded up, so that one sequence less in each must fit.
  const std::int64_t running = (batch.sequences - 1) * decode_cohorts(plan);
  claim.require("sequences", running < plan.max_num_seqs, fmt::format("{} per cohort", batch.sequences));
  std::int64_t tokens = plan.stages.front().kv_tokens;
  for (const StageFacts& stage : plan.stages) tokens = std::min(tokens, stage.kv_tokens);
  const double needed = static_cast<double>(running) * static_cast<double>(plan.input_tokens + plan.output_tokens);
  claim.require("KV tokens", running == 0 || needed < static_cast<double>(tokens),
                fmt::format("{:.6g} needed of {}", needed, tokens));
  return claim.check();
}

}  // namespace

double stage_seconds(const PlanFacts& plan, const BatchFacts& batch, std::size_t stage) {
  double sum = stage == 0 ? batch.embedding_s : 0;
  for (std::int64_t l = plan.stages[stage].first_layer; l < plan.stages[stage].end_layer; ++l)
    sum += batch.layer_s[static_cast<std::size_t>(l)];
  return sum + (stage + 1 == plan.stages.size() ? batch.head_s : 0);
}

std::int64_t decode_cohorts(const PlanFacts& plan) { return std::min(plan.in_flight, plan.pp); }

void add_time_claims(const PlanFacts& plan, const input::Node& predicted, Checks& checks) {
  checks.push_back(prefill_shape_claim(plan));
  checks.push_back(decode_shape_claim(plan));
  checks.push_back(prefill_claim(plan));
  checks.push_back(decode_claim(plan));
  checks.push_back(balance_claim(plan, predicted));
}

}  // namespace ppplan::verify
