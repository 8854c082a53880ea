#include "planner/search/micro_batching.h"

#include <algorithm>

#include "planner/engines/vllm_rules.h"

namespace ppplan::search {

namespace {

long long requests_of_replica(const Question& question, int dp) {
  return (question.request.workload.concurrency + dp - 1) / dp;
}

std::vector<int> token_budgets(const Question& question, int dp, bool few) {
  if (question.request.max_num_batched_tokens) return {*question.request.max_num_batched_tokens};
  const long long all_prompts = requests_of_replica(question, dp) * question.request.workload.input_tokens;
  std::vector<int> budgets;
  for (int budget : few ? std::vector<int>{8192, 2048} : std::vector<int>{16384, 8192, 4096, 2048, 1024, 512})
    if (budget / 2 < all_prompts || budget == 512) budgets.push_back(budget);
  if (budgets.empty()) budgets.push_back(512);
  return budgets;
}

std::vector<int> sequence_limits(const Question& question, int dp, int pp, bool few) {
  if (question.request.max_num_seqs) return {*question.request.max_num_seqs};
  const auto whole = [&](long long count) { return static_cast<int>(std::min((count + pp - 1) / pp * pp, 1LL << 20)); };
  const long long needed = requests_of_replica(question, dp);
  std::vector<int> limits{whole(needed)};
  // Times per token and to the first one count for all requests at once: fewer running ones would only hide the rest in
  // a queue. Memory for the sampler may still ask for fewer.
  const spec::Goal goal = question.request.workload.goal;
  const bool all_run = goal == spec::Goal::ttft || goal == spec::Goal::tpot;
  const long long least = all_run ? 256 : 1;
  for (long long count = needed / 2; count >= least && !few; count /= 2)
    if (whole(count) < limits.back()) limits.push_back(whole(count));
  return limits;
}

}  // namespace

spec::MicroBatching pipeline_depth(const Question& question, const spec::Parallel& parallel) {
  const spec::Device& device = question.request.cluster.devices.front();
  spec::MicroBatching depth;
  if (device.name == "cpu-core") {
    depth.in_flight = parallel.pp;
    return depth;
  }
  const engines::VllmDefaults defaults = engines::vllm_defaults(question.vllm, device);
  depth.in_flight = engines::batches_in_flight(question.vllm, question.request.model, parallel.pp);
  depth.receive_buffers = defaults.receive_buffers;
  depth.send_blocks_next = defaults.send_blocks_next;
  return depth;
}

std::vector<spec::MicroBatching> settings(const Question& question, const spec::Parallel& parallel, bool few) {
  spec::MicroBatching setting = pipeline_depth(question, parallel);
  std::vector<spec::MicroBatching> all;
  for (int sequences : sequence_limits(question, parallel.dp, parallel.pp, few))
    for (int tokens : token_budgets(question, parallel.dp, few)) {
      setting.max_num_seqs = sequences;
      setting.max_num_batched_tokens = tokens;
      all.push_back(setting);
    }
  return all;
}

}  // namespace ppplan::search
